"""Rules of FineWeb (Penedo et al., 2024, https://arxiv.org/abs/2406.17557, section 3.6)."""

from data_prep.filters.rule import Rule

RULES = (
    Rule(
        "fineweb_sentence_ends",
        "fineweb.min_sentence_end_lines",
        lambda text, own: text.lines.sentence_end <= own.min_sentence_end_lines,
    ),
    Rule(
        "fineweb_repeated_lines",
        "fineweb.max_repeated_line_chars",
        lambda text, own: text.lines.repetition.characters >= own.max_repeated_line_chars,
    ),
    Rule(
        "fineweb_short_lines",
        "fineweb.max_short_lines",
        lambda text, own: text.lines.short(own.short_line_chars) >= own.max_short_lines,
    ),
)
