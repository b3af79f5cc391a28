"""Repetition rules of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, table A1).

The paper leaves open whether the first of several equal lines or n-grams counts as repeated; here it does not.
"""

from typing import ClassVar

from data_prep.filters.rule import Rule
from data_prep.text.text_features import Features


class RepeatedLines(Rule):
    reason, option = "gopher_repeated_lines", "gopher_repetition.max_repeated_lines"

    def drops(self, features: Features) -> bool:
        return features.lines.repetition.share > self.limit


class RepeatedLineCharacters(Rule):
    reason, option = "gopher_repeated_line_chars", "gopher_repetition.max_repeated_line_chars"

    def drops(self, features: Features) -> bool:
        return features.lines.repetition.characters > self.limit


class RepeatedParagraphs(Rule):
    reason, option = "gopher_repeated_paragraphs", "gopher_repetition.max_repeated_paragraphs"

    def drops(self, features: Features) -> bool:
        return features.lines.paragraph_repetition.share > self.limit


class RepeatedParagraphCharacters(Rule):
    reason, option = "gopher_repeated_paragraph_chars", "gopher_repetition.max_repeated_paragraph_chars"

    def drops(self, features: Features) -> bool:
        return features.lines.paragraph_repetition.characters > self.limit


class _TopNgram(Rule):
    n: ClassVar[int]

    def drops(self, features: Features) -> bool:
        return features.ngrams.top[self.n] > self.limit


class Top2Gram(_TopNgram):
    n, reason, option = 2, "gopher_top_2_gram", "gopher_repetition.max_top_2_gram_chars"


class Top3Gram(_TopNgram):
    n, reason, option = 3, "gopher_top_3_gram", "gopher_repetition.max_top_3_gram_chars"


class Top4Gram(_TopNgram):
    n, reason, option = 4, "gopher_top_4_gram", "gopher_repetition.max_top_4_gram_chars"


class _RepeatedNgrams(Rule):
    n: ClassVar[int]

    def drops(self, features: Features) -> bool:
        return features.ngrams.repeated[self.n] > self.limit


class Repeated5Grams(_RepeatedNgrams):
    n, reason, option = 5, "gopher_repeated_5_grams", "gopher_repetition.max_repeated_5_gram_chars"


class Repeated6Grams(_RepeatedNgrams):
    n, reason, option = 6, "gopher_repeated_6_grams", "gopher_repetition.max_repeated_6_gram_chars"


class Repeated7Grams(_RepeatedNgrams):
    n, reason, option = 7, "gopher_repeated_7_grams", "gopher_repetition.max_repeated_7_gram_chars"


class Repeated8Grams(_RepeatedNgrams):
    n, reason, option = 8, "gopher_repeated_8_grams", "gopher_repetition.max_repeated_8_gram_chars"


class Repeated9Grams(_RepeatedNgrams):
    n, reason, option = 9, "gopher_repeated_9_grams", "gopher_repetition.max_repeated_9_gram_chars"


class Repeated10Grams(_RepeatedNgrams):
    n, reason, option = 10, "gopher_repeated_10_grams", "gopher_repetition.max_repeated_10_gram_chars"


RULES = (
    RepeatedLines,
    RepeatedLineCharacters,
    RepeatedParagraphs,
    RepeatedParagraphCharacters,
    Top2Gram,
    Top3Gram,
    Top4Gram,
    Repeated5Grams,
    Repeated6Grams,
    Repeated7Grams,
    Repeated8Grams,
    Repeated9Grams,
    Repeated10Grams,
)
