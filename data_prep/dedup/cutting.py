"""Taking parts of a text out, so that what is left reads as if they had never been there."""

import re
from collections.abc import Iterable, Iterator

_BREAK = re.compile(r"\n\s*+")
_BLANK_LINE = 2
"""Line ends that make one; more say no more."""


def cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text without these spans, which may overlap.

    Where one was, white space stays that separates as much as any before, in or behind it did: a blank line, a line's
    end, or a space before or behind. At the beginning and the end of the text none stays.
    """
    kept: list[str] = []
    start = 0
    for first, past, right in _apart(text, spans):
        left = _skip_back(text, first)
        kept.append(text[start:left])
        if left and right < len(text):
            breaks = ("\n" * _line_ends(found) for found in _BREAK.findall(text, first, past))
            kept.append(max((text[left:first], text[past:right], *breaks), key=_separation))
        start = right
    return "".join((*kept, text[start:]))


def _apart(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """The spans in order, as one where no more than white space is between; and where what is behind each begins."""
    first = past = right = -1
    for begin, end in sorted(spans):
        if begin > right:
            if past >= 0:
                yield first, past, right
            first = begin
        if end > past:
            past, right = end, _skip(text, max(end, right))
    if past >= 0:
        yield first, past, right


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _skip_back(text: str, place: int) -> int:
    while place and text[place - 1].isspace():
        place -= 1
    return place


def _line_ends(gap: str) -> int:
    return min(gap.count("\n"), _BLANK_LINE)


def _separation(gap: str) -> tuple[int, bool]:
    return _line_ends(gap), bool(gap)
