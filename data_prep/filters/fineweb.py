"""Rules of FineWeb (Penedo et al., 2024, https://arxiv.org/abs/2406.17557, section 3.6)."""

from data_prep.filters.rule import Rule
from data_prep.text.text_features import Features


class SentenceEnds(Rule):
    reason, option = "fineweb_sentence_ends", "fineweb.min_sentence_end_lines"

    def drops(self, features: Features) -> bool:
        return features.lines.sentence_end <= self.limit


class RepeatedLines(Rule):
    reason, option = "fineweb_repeated_lines", "fineweb.max_repeated_line_chars"

    def drops(self, features: Features) -> bool:
        return features.lines.repetition.characters >= self.limit


class ShortLines(Rule):
    reason, option = "fineweb_short_lines", "fineweb.max_short_lines"

    def drops(self, features: Features) -> bool:
        return features.lines.short(self.section.short_line_chars) >= self.limit


RULES = (SentenceEnds, RepeatedLines, ShortLines)
