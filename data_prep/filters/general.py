"""Rules of our own for text of any language and kind: thresholds wide enough for what is no English prose."""

from data_prep.filters.rule import Rule

RULES = (  # the cheap ones first
    Rule("invalid_utf8", "max_invalid_ratio", lambda text, own: text.invalid_ratio > own.max_invalid_ratio),
    Rule("too_short", "min_chars", lambda text, own: text.characters < own.min_chars),
    Rule("too_long", "max_chars", lambda text, own: text.characters > own.max_chars),
    Rule("symbols", "max_symbol_ratio", lambda text, own: text.symbol_ratio > own.max_symbol_ratio),
    Rule("few_letters", "min_alpha_ratio", lambda text, own: text.alpha_ratio < own.min_alpha_ratio),
    Rule("too_few_words", "min_words", lambda text, own: text.words < own.min_words),
    Rule(
        "long_words",
        "max_mean_word_length",
        lambda text, own: text.mean_word_length > own.max_mean_word_length,
    ),
    Rule(
        "repeated_lines",
        "max_repeated_line_ratio",
        lambda text, own: text.lines.repetition.characters > own.max_repeated_line_ratio,
    ),
    # By characters, where Gopher counts lines: an article with paragraphs of prose and a long list is an article.
    Rule(
        "bullets",
        "max_bullet_line_ratio",
        lambda text, own: text.lines.bullet_characters > own.max_bullet_line_ratio,
    ),
    Rule(
        "ellipses",
        "max_ellipsis_line_ratio",
        lambda text, own: text.lines.ellipsis > own.max_ellipsis_line_ratio,
    ),
)
