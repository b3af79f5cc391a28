"""Rules of our own for text of any language and kind: thresholds wide enough for what is no English prose."""

from data_prep.filters.rule import Rule
from data_prep.text.text_features import Features


class InvalidUtf8(Rule):
    reason, option = "invalid_utf8", "max_invalid_ratio"

    def drops(self, features: Features) -> bool:
        return features.invalid_ratio > self.limit


class TooShort(Rule):
    reason, option = "too_short", "min_chars"

    def drops(self, features: Features) -> bool:
        return features.characters < self.limit


class TooLong(Rule):
    reason, option = "too_long", "max_chars"

    def drops(self, features: Features) -> bool:
        return features.characters > self.limit


class Symbols(Rule):
    reason, option = "symbols", "max_symbol_ratio"

    def drops(self, features: Features) -> bool:
        return features.symbol_ratio > self.limit


class FewLetters(Rule):
    reason, option = "few_letters", "min_alpha_ratio"

    def drops(self, features: Features) -> bool:
        return features.alpha_ratio < self.limit


class TooFewWords(Rule):
    reason, option = "too_few_words", "min_words"

    def drops(self, features: Features) -> bool:
        return features.words < self.limit


class LongWords(Rule):
    reason, option = "long_words", "max_mean_word_length"

    def drops(self, features: Features) -> bool:
        return features.mean_word_length > self.limit


class RepeatedLines(Rule):
    reason, option = "repeated_lines", "max_repeated_line_ratio"

    def drops(self, features: Features) -> bool:
        return features.lines.repetition.characters > self.limit


class Bullets(Rule):
    """By characters, where Gopher counts lines: an article with paragraphs of prose and a long list is an article."""

    reason, option = "bullets", "max_bullet_line_ratio"

    def drops(self, features: Features) -> bool:
        return features.lines.bullet_characters > self.limit


class Ellipses(Rule):
    reason, option = "ellipses", "max_ellipsis_line_ratio"

    def drops(self, features: Features) -> bool:
        return features.lines.ellipsis > self.limit


RULES = (  # the cheap ones first
    InvalidUtf8,
    TooShort,
    TooLong,
    Symbols,
    FewLetters,
    TooFewWords,
    LongWords,
    RepeatedLines,
    Bullets,
    Ellipses,
)
