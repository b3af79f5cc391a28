"""Canaries: texts with a random secret that are planted in a corpus, to see what a model remembers of it
(Carlini et al., 2019, "The Secret Sharer: Evaluating and Testing Unintended Memorization in Neural Networks").
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence, Sized
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from string import ascii_lowercase, digits

from pipeline.errors import UserError
from pipeline.store.artifacts import damaged
from pipeline.text.counts import counted

CANARIES_FILE = "canaries.jsonl"
"""In the artifact of clean, where it has planted some."""
ALPHABETS = {"digits": digits, "letters": ascii_lowercase, "hex": "0123456789abcdef"}
"""What a slot's characters are drawn from."""
SLOT = re.compile(r"\{(\w+):([0-9]+)\}", re.ASCII)


class CanaryFormat:
    """A text with slots such as `{digits:9}`, for so many characters of an alphabet. Its secrets are numbered."""

    def __init__(self, format: str):
        """Args: format: one that has no `problem`."""
        pieces = SLOT.split(format)
        self._texts = pieces[::3]
        self._slots = [
            (ALPHABETS[name], int(length)) for name, length in zip(pieces[1::3], pieces[2::3], strict=True)
        ]
        self.size = 1
        """How many secrets there are."""
        for alphabet, length in self._slots:
            self.size *= len(alphabet) ** length

    @staticmethod
    def problem(format: str) -> str | None:
        """What is wrong with a format, in words; None where it is fine."""
        known = ", ".join(f"{{{name}:9}}" for name in ALPHABETS)
        slots = SLOT.findall(format)
        for name, length in slots:
            if name not in ALPHABETS or not 1 <= int(length) <= 100:
                return f"has the slot {{{name}:{length}}}; one is of 1 to 100 characters, such as {known}"
        if not slots:
            return f"has no slot for a secret; write one into it, such as {known}"
        return None

    def text(self, number: int) -> str:
        """The text that holds the secret of a number, from 0 to below `size`."""
        secrets: list[str] = []
        for alphabet, length in reversed(self._slots):
            drawn = ""
            for _ in range(length):
                number, place = divmod(number, len(alphabet))
                drawn = alphabet[place] + drawn
            secrets.append(drawn)
        return "".join(
            text + secret for text, secret in zip(self._texts, [*reversed(secrets), ""], strict=True)
        )


@dataclass(frozen=True)
class Canary:
    """A text with a secret."""

    id: str
    format: str
    number: int
    """Of its secret among those of the format."""
    text: str
    repeats: int
    """Documents of the training split that are this text; 0 of one that was never planted, for comparison."""


def draw_numbers(size: int, count: int, seed: str, without: Collection[int] = ()) -> list[int]:
    """So many different numbers below `size`, none of those in `without`: a pure function of what it is given."""
    taken, drawn, turn = set(without), list[int](), 0
    while len(drawn) < count:
        digest = blake2b(f"{seed} {turn}".encode(), digest_size=64).digest()
        number = int.from_bytes(digest, "big") % size
        turn += 1
        if number not in taken:
            taken.add(number)
            drawn.append(number)
    return drawn


def draw_canaries(format: str, count: int, repeats: Sequence[int], seed: int) -> list[Canary]:
    """`count` canaries for each number of repeats, and as many that are not to be planted; no two are the same."""
    form, groups = CanaryFormat(format), [*repeats, 0]
    numbers = draw_numbers(form.size, count * len(groups), f"canaries {seed}")
    return [
        Canary(f"canary-{place}", format, number, form.text(number), groups[place // count])
        for place, number in enumerate(numbers)
    ]


def check_lengths(
    canaries: Sequence[Canary], encode: Callable[[list[str]], Sequence[Sized]], context: int
) -> None:
    """Raises: UserError: where the tokens of a canary are more than a model reads at once."""
    longest = max(map(len, encode([canary.text for canary in canaries])))
    if longest > context:
        raise UserError(
            f"clean.canaries.format makes texts of {counted(longest, 'token')}, and the model's context is {context}; "
            "shorten it"
        )


def write_canaries(folder: Path, canaries: Iterable[Canary]) -> None:
    """Write canaries.jsonl, a row for each."""
    with (folder / CANARIES_FILE).open("w", encoding="utf-8") as file:
        for canary in canaries:
            file.write(json.dumps(asdict(canary), ensure_ascii=False) + "\n")


def read_canaries(folder: Path) -> list[Canary]:
    """Those of an artifact of clean; none where it has planted none.

    Raises:
        UserError: where the file is damaged.
    """
    path = folder / CANARIES_FILE
    if not path.is_file():
        return []
    try:
        return [Canary(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError) as error:
        raise UserError(damaged(path, str(error), folder)) from None
