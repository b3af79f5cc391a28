"""The rules themselves."""

from data_prep.filters.rule import Rule
from data_prep.text.text_features import Features


class HasTheWord(Rule):
    reason, option = "banned_word", "banned.word"

    def drops(self, features: Features) -> bool:
        return self.limit in features.text


RULES = (HasTheWord,)
