"""The kind of every character as an array, for what looks at each character of a text."""

import re
import unicodedata

import numpy as np

from pipeline.text.letters import MARKS, UNSPACED_LETTERS, UNSPACED_MARKS

UNSPACED, SPACE, LETTER, DIGIT, UNSPACED_MARK, PUNCTUATION, SYMBOL = range(7)
"""Kinds of characters. Combining marks are letters; `UNSPACED` is a letter of a script without spaces between words,
`UNSPACED_MARK` a mark of one, which belongs to the letter before it."""
KINDS = 7
_CATEGORIES = {"L": LETTER, "N": DIGIT, "P": PUNCTUATION}
_ALL = 0x110000
_LAST_TEXT = 0x3FFFD
"""Planes 2 and 3 are Han throughout; above them nothing is text."""


def _classify_characters() -> np.ndarray:
    table = np.full(_ALL, SYMBOL, dtype=np.uint8)
    text = "".join(map(chr, range(0x20000)))
    for code, character in enumerate(text):
        kind = _CATEGORIES.get(unicodedata.category(character)[0], SYMBOL)
        table[code] = SPACE if character.isspace() else kind
    for characters, kind in ((MARKS, LETTER), (UNSPACED_MARKS, UNSPACED_MARK)):
        for run in re.finditer(f"[{characters}]+", text):
            table[run.start() : run.end()] = kind
    for run in re.finditer(f"[{UNSPACED_LETTERS}]+", text):
        block = table[run.start() : run.end()]
        block[block == LETTER] = UNSPACED
    table[0x20000 : _LAST_TEXT + 1] = UNSPACED
    return table


def _fold_letters() -> np.ndarray:
    table = np.arange(_ALL, dtype=np.uint32)
    for code in np.flatnonzero(KIND_OF == LETTER).tolist():
        character = chr(code)
        folded = character.casefold()
        if folded != character:
            lower = character.lower()
            table[code] = ord(folded if len(folded) == 1 else lower if len(lower) == 1 else character)
    return table


def code_points(text: str) -> np.ndarray:
    """A text's characters as numbers, uint32; lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


KIND_OF = _classify_characters()
"""Of each code point, uint8."""
FOLDED = _fold_letters()
"""Of each code point its own lower case, uint32. One that becomes several when folded stays, so that positions do."""

GOES_WITH = 4
_IS_LETTER, _IS_WORD, _IS_MARK = 1, 2, 4


def _roles() -> np.ndarray:
    roles = np.zeros(KINDS, dtype=np.uint8)
    roles[[LETTER, DIGIT]] = _IS_LETTER | _IS_LETTER << GOES_WITH
    roles[UNSPACED] = _IS_WORD
    roles[UNSPACED_MARK] = _IS_MARK | (_IS_LETTER | _IS_WORD | _IS_MARK) << GOES_WITH
    return roles[KIND_OF]


ROLE_OF = _roles()
"""Of each code point what it is in a word, uint8; 0 for what stands between words. A character continues the word of
the one before it where `(role >> GOES_WITH) & role_before` is not 0: letters and digits go with their like, a letter of
a script without spaces with none before it, and its marks with any."""
