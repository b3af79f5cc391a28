"""Taking evaluation text out of a document."""

import re
from collections.abc import Sequence

_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_TIP = 20
"""Characters: a passage may end with a word or two too many, where what follows begins by chance as in the
evaluation text. No n-gram of 13 words is so short."""


def mask(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text without its paragraphs that hold evaluation text. Blank lines separate paragraphs.

    Args:
        spans: where that stands, as in `Overlap.spans`: in order, apart from one another.
    """
    kept: list[str] = []
    start = number = 0
    breaks = [(match.start(), match.end()) for match in _BLANK.finditer(text)]
    for end, following in [*breaks, (len(text), len(text))]:
        while number < len(spans) and spans[number][1] <= start:
            number += 1
        covered, reached = 0, number
        while reached < len(spans) and spans[reached][0] < end:
            covered += min(spans[reached][1], end) - max(spans[reached][0], start)
            reached += 1
        if covered <= min(_TIP, (end - start) // 2):
            kept.append(text[start:end])
        start = following
    return "\n\n".join(kept)
