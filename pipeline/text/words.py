"""The words of a text in every script.

White space separates them. In a script without spaces between words each letter is one, with its marks: a text of such
a script has about twice as many words here as a dictionary of it would find.
"""

import re

import regex

from pipeline.text.letters import UNSPACED_LETTERS, UNSPACED_MARKS, character_set

_UNSPACED = re.compile(f"[{UNSPACED_LETTERS}]")
_LETTER = re.compile(r"[^\W\d_]")
_PUNCTUATION = character_set(r"[[^\p{L}\p{M}\p{N}\s]&&[\u0000-\uFFFF]]") + "\U0001f000-\U0001faff"
"""And symbols. They belong to the word that they touch."""
_ONE_UNSPACED = f"[{UNSPACED_LETTERS}][{UNSPACED_MARKS}{_PUNCTUATION}]*+"
_WORD = re.compile(
    rf"{_ONE_UNSPACED}|[{_PUNCTUATION}]++(?:{_ONE_UNSPACED}|[^\s{UNSPACED_LETTERS}]*+)|[^\s{UNSPACED_LETTERS}]+"
)
_BARE_WORD = regex.compile(
    rf"(?V1)[{UNSPACED_LETTERS}]\p{{M}}*+|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED_LETTERS}]]+"
)


def has_unspaced(text: str) -> bool:
    """Whether a text holds a letter of a script without spaces."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def is_unspaced(text: str) -> bool:
    """Whether most letters of a text are of a script without spaces."""
    return has_unspaced(text) and 2 * len(_UNSPACED.findall(text)) > len(_LETTER.findall(text))


def split_words(text: str) -> list[str]:
    """The words in order, punctuation attached."""
    return _WORD.findall(text) if has_unspaced(text) else text.split()


def find_words(text: str) -> list[str]:
    """The words in order, without punctuation: runs of letters, marks and digits."""
    return _BARE_WORD.findall(text)


def count_words(text: str) -> int:
    """The words of a text as published figures count them: those between white space. Where most of it has no spaces,
    those of `split_words`."""
    return len(_WORD.findall(text)) if is_unspaced(text) else len(text.split())


def word_name(words: int, characters: int) -> str:
    """What people call the words of `count_words`: `character`, where most are letters of scripts without spaces.

    Args:
        characters: those of the words that are of texts without spaces between words, see `is_unspaced`.
    """
    return "character" if 2 * characters > words else "word"
