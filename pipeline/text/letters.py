r"""What belongs to a word in every script, as sets of characters for the brackets of a regular expression.

Python's `\w` leaves out combining marks, with which most scripts of South and South-East Asia write their vowels. And
some scripts put no space between words: there, each letter with its marks is taken for a word.
"""

import re

import regex

_TEXT = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x20000))))
"""Every character of the planes that hold letters and marks, but for planes 2 and 3, which are Han throughout."""


def characters(properties: str) -> list[str]:
    """The characters that a set in the syntax of `regex` names."""
    return regex.findall(f"(?V1){properties}", _TEXT)


def character_set(properties: str) -> str:
    """The same as ranges, for `re`, which knows no properties and is faster."""
    runs = (match[0] for match in regex.finditer(f"(?V1){properties}+", _TEXT))
    return "".join("-".join(map(re.escape, dict.fromkeys((run[0], run[-1])))) for run in runs)


_UNSPACED_SCRIPTS = (
    *("Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Thai", "Lao", "Tibetan", "Myanmar", "Khmer"),
    *("Javanese", "Balinese", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet"),
)
_UNSPACED = "".join(rf"\p{{Script_Extensions={script}}}" for script in _UNSPACED_SCRIPTS)
_VARIANTS = r"[\uFE00-\uFE0F]"
"""They choose the variant of the sign before them, an emoji mostly: marks by their category only."""

UNSPACED_LETTERS = (
    character_set(rf"[[{_UNSPACED}]&&\p{{L}}&&[\u0370-\uFFFF]]")
    + "\U00016fe0-\U0001b2ff\U00020000-\U0003fffd"
)
"""Letters of the scripts without spaces between words. Beyond the basic plane whole blocks: a set of few ranges is
faster, and Tangut, Khitan, Nushu and old kana lie side by side."""
UNSPACED_MARKS = character_set(rf"[[{_UNSPACED}]&&\p{{M}}&&[\u0370-\uFFFF]]")
"""Combining marks of these scripts, as the vowel signs of Thai."""
MARKS = character_set(rf"[\p{{M}}--{_VARIANTS}]")
"""Combining marks of all scripts."""
