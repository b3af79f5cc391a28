"""The held-out text that a training is validated on: how much it is, so that a loss per token becomes bits per byte."""

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import UserError
from pipeline.store.artifacts import damaged, read_json, write_json

HELD_OUT_FILE = "held_out.json"


@dataclass(frozen=True)
class HeldOutText:
    """Of a part of the corpus, or of all of it."""

    tokens: int
    """That are predicted."""
    bytes: int
    """UTF-8, of what they spell; the end of a document spells nothing."""
    base_bits_per_byte: float | None = None
    """Of the weights before they got new tokens, with the tokenizer that they had; None where they got none."""

    def bits_per_byte(self, loss: float) -> float:
        """Args: loss: mean per token, nats."""
        return loss * self.tokens / (math.log(2) * max(self.bytes, 1))

    def __add__(self, other: "HeldOutText") -> "HeldOutText":
        bits = None
        if self.base_bits_per_byte is not None and other.base_bits_per_byte is not None:
            total = self.base_bits_per_byte * self.bytes + other.base_bits_per_byte * other.bytes
            bits = total / max(self.bytes + other.bytes, 1)
        return HeldOutText(self.tokens + other.tokens, self.bytes + other.bytes, bits)


def together(texts: Iterable[HeldOutText]) -> HeldOutText | None:
    """All of them as one; None where there are none."""
    return reduce(operator.add, found) if (found := list(texts)) else None


def write_held_out(artifact: Path, parts: Mapping[str, HeldOutText]) -> None:
    write_json(artifact / HELD_OUT_FILE, {part: asdict(text) for part, text in parts.items()})


def read_held_out(artifact: Path) -> dict[str, HeldOutText]:
    """By part of the corpus; "" where there is only one. Empty where training started from random weights.

    Raises:
        UserError: where the file is damaged.
    """
    path = artifact / HELD_OUT_FILE
    if not path.is_file():
        return {}
    try:
        return TypeAdapter(dict[str, HeldOutText]).validate_python(read_json(path, artifact))
    except ValidationError:
        raise UserError(damaged(path, "it describes no held-out text", artifact)) from None
