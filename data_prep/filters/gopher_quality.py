"""Quality rules of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, appendix A.1).

Made for English. In scripts without spaces each character counts as a word, so that its length says nothing.
"""

from data_prep.filters.rule import Rule
from data_prep.text.text_features import Features


class FewWords(Rule):
    reason, option = "gopher_few_words", "gopher_quality.min_words"

    def drops(self, features: Features) -> bool:
        return features.words < self.limit


class ManyWords(Rule):
    reason, option = "gopher_many_words", "gopher_quality.max_words"

    def drops(self, features: Features) -> bool:
        return features.words > self.limit


class ShortWords(Rule):
    reason, option = "gopher_short_words", "gopher_quality.min_mean_word_length"

    def drops(self, features: Features) -> bool:
        return not features.is_unspaced and features.mean_word_length < self.limit


class LongWords(Rule):
    reason, option = "gopher_long_words", "gopher_quality.max_mean_word_length"

    def drops(self, features: Features) -> bool:
        return features.mean_word_length > self.limit


class Symbols(Rule):
    reason, option = "gopher_symbols", "gopher_quality.max_symbols_per_word"

    def drops(self, features: Features) -> bool:
        return max(features.hashes, features.ellipses) > self.limit * features.words


class BulletLines(Rule):
    reason, option = "gopher_bullets", "gopher_quality.max_bullet_lines"

    def drops(self, features: Features) -> bool:
        return features.lines.bullet > self.limit


class EllipsisLines(Rule):
    reason, option = "gopher_ellipses", "gopher_quality.max_ellipsis_lines"

    def drops(self, features: Features) -> bool:
        return features.lines.ellipsis > self.limit


class AlphaWords(Rule):
    reason, option = "gopher_few_letters", "gopher_quality.min_alpha_words"

    def drops(self, features: Features) -> bool:
        return features.alpha_words < self.limit


class StopWords(Rule):
    """English only."""

    reason, option = "gopher_stop_words", "gopher_quality.min_stop_words"

    def drops(self, features: Features) -> bool:
        return not features.has_english_stop_words(self.limit)


RULES = (
    FewWords,
    ManyWords,
    ShortWords,
    LongWords,
    Symbols,
    AlphaWords,
    StopWords,
    BulletLines,
    EllipsisLines,
)
