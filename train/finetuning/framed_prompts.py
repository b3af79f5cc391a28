"""Prompts that a template has written before they came into the file of examples: all of them share a beginning and an
end, and what is asked stands between."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

FEWEST_PROMPTS = 10
"""Fewer may begin and end alike by chance."""
NEARLY_ALL = 0.9
SHORTEST = 5
"""Characters that a frame has before and behind at the least: questions may share a word, and their question mark."""


class Frame(NamedTuple):
    """What stands around each of the prompts."""

    before: str
    after: str

    def around(self, asked: str) -> str:
        return f"{self.before}{asked}{self.after}"


def find_frame(prompts: Sequence[str]) -> Frame | None:
    """What nearly all prompts begin and end with; None where that is little or nothing."""
    if len(prompts) < FEWEST_PROMPTS:
        return None
    ends = Counter((prompt[:SHORTEST], prompt[-SHORTEST:]) for prompt in prompts)
    [((first, last), count)] = ends.most_common(1)
    if count < NEARLY_ALL * len(prompts):
        return None
    alike = [prompt for prompt in prompts if prompt.startswith(first) and prompt.endswith(last)]
    before = _shared_beginning(alike)
    after = _shared_beginning([prompt[len(before) :][::-1] for prompt in alike])[::-1]
    return Frame(before, after) if min(len(before), len(after)) >= SHORTEST else None


def _shared_beginning(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)  # all others stand between them, and so begin as both do
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((place for place, (a, b) in pairs if a != b), min(len(first), len(last)))]
