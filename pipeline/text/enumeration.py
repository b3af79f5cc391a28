"""Words one after the other, as a sentence has them."""

from collections.abc import Sequence


def enumerated(words: Sequence[str]) -> str:
    """`a, b and c`; of no words nothing."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
