"""What the filters look at in a text: kinds of characters, words, lines. Linear time, bounded memory."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

_SLICE = 1 << 18
_LINES_EXAMINED = 500_000
"""The line rules decide by a document's first lines: a huge one of tiny lines then needs little memory."""
_LINE = re.compile(r"[^\n]+")
_BULLETS = ("•", "‣", "▪", "●", "*", "-", "–", "·")
_ELLIPSES = ("...", "…")

_LETTER, _UNSPACED, _DIGIT, _PUNCTUATION, _SPACE, _SYMBOL = range(6)
_KINDS = {"L": _LETTER, "M": _LETTER, "N": _DIGIT, "P": _PUNCTUATION}
_UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
)


def _classify_characters() -> np.ndarray:
    """The kind of every code point. Planes 2 and 3 are Han throughout; above them nothing is text."""
    table = np.full(0x110000, _SYMBOL, dtype=np.uint8)
    for code in range(0x20000):
        character = chr(code)
        kind = _KINDS.get(unicodedata.category(character)[0], _SYMBOL)
        table[code] = _SPACE if character.isspace() else kind
    table[0x20000:0x40000] = _UNSPACED
    for first, last in _UNSPACED_RANGES:
        block = table[first : last + 1]
        block[block == _LETTER] = _UNSPACED
    return table


_KIND_OF = _classify_characters()


@dataclass(frozen=True, slots=True)
class TextCounts:
    """The size of a text."""

    bytes: int
    """In UTF-8."""
    characters: int
    words: int
    """Runs of characters other than white space, as `str.split` finds them."""
    lines: int
    """Line ends."""


class Features:
    """What the filters look at, computed when first asked for."""

    def __init__(self, text: str, invalid: int = 0):
        """Args: invalid: how many characters stand for bytes that were not UTF-8."""
        self._text = text
        self.characters = len(text)
        self.invalid_ratio = invalid / max(len(text), 1)

    @cached_property
    def _scan(self) -> tuple[list[int], int]:
        """Characters of each kind, and runs of characters other than white space."""
        kinds_total = np.zeros(6, dtype=np.int64)
        words, after_space = 0, True
        for start in range(0, self.characters, _SLICE):
            piece = self._text[start : start + _SLICE]
            kinds = _KIND_OF[np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)]
            kinds_total += np.bincount(kinds, minlength=6)
            space = kinds == _SPACE
            words += int(np.count_nonzero(space[:-1] & ~space[1:])) + int(after_space and not space[0])
            after_space = bool(space[-1])
        return kinds_total.tolist(), words

    def counts(self) -> TextCounts:
        text = self._text
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        return TextCounts(size, len(text), self._scan[1], text.count("\n"))

    @property
    def _visible(self) -> int:
        return max(self.characters - self._scan[0][_SPACE], 1)

    @property
    def words(self) -> int:
        """Where a script has no spaces between words, every character counts as one."""
        kinds, words = self._scan
        return words + kinds[_UNSPACED]

    @property
    def mean_word_length(self) -> float:
        return self._visible / max(self.words, 1)

    @property
    def symbol_ratio(self) -> float:
        return self._scan[0][_SYMBOL] / self._visible

    @property
    def alpha_ratio(self) -> float:
        kinds = self._scan[0]
        return (kinds[_LETTER] + kinds[_UNSPACED]) / self._visible

    def _lines(self) -> Iterator[str]:
        return (match[0].strip() for match in islice(_LINE.finditer(self._text), _LINES_EXAMINED))

    @cached_property
    def _line_ratios(self) -> tuple[float, float, float]:
        """Characters in repeated lines and in lines with a bullet; lines that end in an ellipsis."""
        seen: set[int] = set()
        lines = characters = repeated = bullets = ellipses = 0
        for line in self._lines():
            key = hash(line)
            if key in seen:
                repeated += len(line)
            seen.add(key)
            lines += 1
            characters += len(line)
            if line.startswith(_BULLETS):
                bullets += len(line)
            ellipses += line.endswith(_ELLIPSES)
        return repeated / max(characters, 1), bullets / max(characters, 1), ellipses / max(lines, 1)

    @property
    def repeated_line_ratio(self) -> float:
        return self._line_ratios[0]

    @property
    def bullet_line_ratio(self) -> float:
        return self._line_ratios[1]

    @property
    def ellipsis_line_ratio(self) -> float:
        return self._line_ratios[2]
