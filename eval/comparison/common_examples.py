"""Which test examples two runs have in common."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
"""Of predictions.jsonl."""


@dataclass(frozen=True)
class CommonExamples:
    """The examples that both runs answered, in the order of the first."""

    first: list[Row]
    second: list[Row]
    words: str
    """How they were found, where that is to be told; why there are none, where there are none."""


def common_examples(first: Sequence[Row], second: Sequence[Row]) -> CommonExamples:
    """Match examples by prompt and references.

    Where no prompt is in both and all references are the same, the prompts are of one test set that is written in two
    ways (another chat template), and the examples are matched by their order.
    """
    if not first or not second:
        return CommonExamples([], [], "")
    by_key = dict(zip(_keys(second), second, strict=True))
    pairs = [(row, by_key[key]) for key, row in zip(_keys(first), first, strict=True) if key in by_key]
    if len(pairs) == len(first) == len(second):
        return CommonExamples([*first], [*second], "")
    if pairs:
        words = f"{len(pairs):,} of {len(first):,} and {len(second):,} test examples are in both; only these count"
        return CommonExamples([row for row, _ in pairs], [row for _, row in pairs], words)
    if [row["references"] for row in first] == [row["references"] for row in second]:
        words = "the prompts are written in two ways; the references are the same, so the examples are matched by order"
        return CommonExamples([*first], [*second], words)
    return CommonExamples(
        [], [], "the test sets have no example in common: scores on them cannot be compared"
    )


def _keys(rows: Sequence[Row]) -> list[Hashable]:
    """Of each row its prompt and references, and how often they came before."""
    seen: Counter[Hashable] = Counter()
    keys: list[Hashable] = []
    for row in rows:
        content = (row["prompt"], tuple(row["references"]))
        keys.append((content, seen[content]))
        seen[content] += 1
    return keys
