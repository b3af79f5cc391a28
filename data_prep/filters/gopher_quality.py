"""Quality rules of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, appendix A.1).

Made for English. In scripts without spaces each character counts as a word, so that its length says nothing.
"""

from data_prep.filters.rule import Rule

RULES = (
    Rule("gopher_few_words", "gopher_quality.min_words", lambda text, own: text.words < own.min_words),
    Rule("gopher_many_words", "gopher_quality.max_words", lambda text, own: text.words > own.max_words),
    Rule(
        "gopher_short_words",
        "gopher_quality.min_mean_word_length",
        lambda text, own: not text.is_unspaced and text.mean_word_length < own.min_mean_word_length,
    ),
    Rule(
        "gopher_long_words",
        "gopher_quality.max_mean_word_length",
        lambda text, own: text.mean_word_length > own.max_mean_word_length,
    ),
    Rule(
        "gopher_symbols",
        "gopher_quality.max_symbols_per_word",
        lambda text, own: max(text.hashes, text.ellipses) > own.max_symbols_per_word * text.words,
    ),
    Rule(
        "gopher_few_letters",
        "gopher_quality.min_alpha_words",
        lambda text, own: text.alpha_words < own.min_alpha_words,
    ),
    # English only.
    Rule(
        "gopher_stop_words",
        "gopher_quality.min_stop_words",
        lambda text, own: not text.has_english_stop_words(own.min_stop_words),
    ),
    Rule(
        "gopher_bullets",
        "gopher_quality.max_bullet_lines",
        lambda text, own: text.lines.bullet > own.max_bullet_lines,
    ),
    Rule(
        "gopher_ellipses",
        "gopher_quality.max_ellipsis_lines",
        lambda text, own: text.lines.ellipsis > own.max_ellipsis_lines,
    ),
)
