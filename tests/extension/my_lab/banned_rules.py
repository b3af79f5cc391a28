"""The rules themselves."""

from data_prep.filters.rule import Rule

RULES = (Rule("banned_word", "banned.word", lambda text, own: own.word in text.text),)
