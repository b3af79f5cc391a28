"""What the filters look at in a text's lines and paragraphs. Linear time, bounded memory."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from pipeline.text.sentences import ends_sentence

LINES_EXAMINED = 500_000
"""A document is judged by its first lines: a huge one of tiny lines then needs little memory."""
LINE = re.compile(r"[^\n]+")
BULLETS = ("•", "‣", "▪", "●", "*", "-", "–", "·")
_ELLIPSES = ("...", "…")


@dataclass(frozen=True, slots=True)
class Repetition:
    """How much of a text is lines, or paragraphs, that stood in it before."""

    share: float
    """Of the lines."""
    characters: float
    """Share of their characters."""


class Lines:
    """The lines of a text that are not blank, without the white space around them. Ratios are shares of their number
    unless they say characters."""

    def __init__(self, text: str):
        found = list(islice(LINE.finditer(text), LINES_EXAMINED))
        self._examined = text[: found[-1].end()] if found else ""
        self._lines = [line for match in found if (line := match[0].strip())]

    def _share(self, holds: Callable[[str], bool]) -> float:
        return sum(map(holds, self._lines)) / max(len(self._lines), 1)

    @cached_property
    def repetition(self) -> Repetition:
        return _repetition(self._lines)

    @cached_property
    def paragraph_repetition(self) -> Repetition:
        return _repetition([part for piece in self._examined.split("\n\n") if (part := piece.strip())])

    @cached_property
    def bullet(self) -> float:
        return self._share(lambda line: line.startswith(BULLETS))

    @cached_property
    def bullet_characters(self) -> float:
        bullets = sum(len(line) for line in self._lines if line.startswith(BULLETS))
        return bullets / max(sum(map(len, self._lines)), 1)

    @cached_property
    def ellipsis(self) -> float:
        return self._share(lambda line: line.endswith(_ELLIPSES))

    @cached_property
    def sentence_end(self) -> float:
        return self._share(ends_sentence)

    def short(self, characters: int) -> float:
        """Lines of at most so many characters."""
        return self._share(lambda line: len(line) <= characters)


def _repetition(parts: list[str]) -> Repetition:
    different = set(parts)
    characters = sum(map(len, parts))
    return Repetition(
        (len(parts) - len(different)) / max(len(parts), 1),
        (characters - sum(map(len, different))) / max(characters, 1),
    )
