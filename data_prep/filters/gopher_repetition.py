"""Repetition rules of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, table A1).

The paper leaves open whether the first of several equal lines or n-grams counts as repeated; here it does not.
"""

from data_prep.filters.rule import Rule

RULES = (
    Rule(
        "gopher_repeated_lines",
        "gopher_repetition.max_repeated_lines",
        lambda text, own: text.lines.repetition.share > own.max_repeated_lines,
    ),
    Rule(
        "gopher_repeated_line_chars",
        "gopher_repetition.max_repeated_line_chars",
        lambda text, own: text.lines.repetition.characters > own.max_repeated_line_chars,
    ),
    Rule(
        "gopher_repeated_paragraphs",
        "gopher_repetition.max_repeated_paragraphs",
        lambda text, own: text.lines.paragraph_repetition.share > own.max_repeated_paragraphs,
    ),
    Rule(
        "gopher_repeated_paragraph_chars",
        "gopher_repetition.max_repeated_paragraph_chars",
        lambda text, own: text.lines.paragraph_repetition.characters > own.max_repeated_paragraph_chars,
    ),
    Rule(
        "gopher_top_2_gram",
        "gopher_repetition.max_top_2_gram_chars",
        lambda text, own: text.ngrams.top[2] > own.max_top_2_gram_chars,
    ),
    Rule(
        "gopher_top_3_gram",
        "gopher_repetition.max_top_3_gram_chars",
        lambda text, own: text.ngrams.top[3] > own.max_top_3_gram_chars,
    ),
    Rule(
        "gopher_top_4_gram",
        "gopher_repetition.max_top_4_gram_chars",
        lambda text, own: text.ngrams.top[4] > own.max_top_4_gram_chars,
    ),
    Rule(
        "gopher_repeated_5_grams",
        "gopher_repetition.max_repeated_5_gram_chars",
        lambda text, own: text.ngrams.repeated[5] > own.max_repeated_5_gram_chars,
    ),
    Rule(
        "gopher_repeated_6_grams",
        "gopher_repetition.max_repeated_6_gram_chars",
        lambda text, own: text.ngrams.repeated[6] > own.max_repeated_6_gram_chars,
    ),
    Rule(
        "gopher_repeated_7_grams",
        "gopher_repetition.max_repeated_7_gram_chars",
        lambda text, own: text.ngrams.repeated[7] > own.max_repeated_7_gram_chars,
    ),
    Rule(
        "gopher_repeated_8_grams",
        "gopher_repetition.max_repeated_8_gram_chars",
        lambda text, own: text.ngrams.repeated[8] > own.max_repeated_8_gram_chars,
    ),
    Rule(
        "gopher_repeated_9_grams",
        "gopher_repetition.max_repeated_9_gram_chars",
        lambda text, own: text.ngrams.repeated[9] > own.max_repeated_9_gram_chars,
    ),
    Rule(
        "gopher_repeated_10_grams",
        "gopher_repetition.max_repeated_10_gram_chars",
        lambda text, own: text.ngrams.repeated[10] > own.max_repeated_10_gram_chars,
    ),
)
