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


def code_points(text: str) -> np.ndarray:
    """A text's characters as numbers, uint32; lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


KIND_OF = _classify_characters()
"""Of each code point, uint8."""
