"""Where in the files of a checkpoint which elements lie."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from train.checkpoints.tensor_file import ITEM, Stored


@dataclass(frozen=True)
class Run:
    """Consecutive elements that lie in one file."""

    file: int
    """Its number, which is the rank that wrote it."""
    offset: int
    """Byte of the file at which they begin."""
    start: int
    """The first one, within the flattened parameter or state."""
    size: int


class PieceIndex:
    """Says of any elements where they lie. It takes 32 bytes for each piece, and finds one by bisection.

    Keys are `<kind>/<parameter>/<first element>`, as `train/checkpoints/files.py` writes them.
    """

    def __init__(self, headers: Mapping[int, Mapping[str, Stored]]):
        """Args: headers: what each file holds, by its number."""
        numbers: dict[str, int] = {}
        rows = []
        for file, header in headers.items():
            for key, stored in header.items():
                name, start = key.rsplit("/", 1)
                rows.append(
                    (numbers.setdefault(name, len(numbers)), int(start), stored.size, file, stored.offset)
                )
        table = np.array(rows, np.int64).reshape(-1, 5)
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        bounds = np.searchsorted(table[:, 0], np.arange(len(numbers) + 1)).tolist()
        self._rows = {name: (bounds[number], bounds[number + 1]) for name, number in numbers.items()}
        self._table = np.ascontiguousarray(table[:, 1:])

    @property
    def names(self) -> set[str]:
        """Of the parameters."""
        return {name.split("/", 1)[1] for name in self._rows}

    def size(self, kind: str, name: str) -> int:
        """Elements that the checkpoint has of a parameter, or of one of its states."""
        first, last = self._rows.get(f"{kind}/{name}", (0, 0))
        return int(self._table[first:last, 1].sum())

    def find(self, kind: str, name: str, start: int, size: int) -> Iterator[Run]:
        """The runs that make up elements [start, start + size), as far as there are such."""
        first, last = self._rows.get(f"{kind}/{name}", (0, 0))
        starts = self._table[first:last, 0]
        begin = max(int(np.searchsorted(starts, start, side="right")) - 1, 0)
        end = int(np.searchsorted(starts, start + size))
        for row in self._table[first + begin : first + end]:
            there, count, file, offset = map(int, row)
            low, high = max(there, start), min(there + count, start + size)
            if low < high:
                yield Run(file, offset + (low - there) * ITEM, low, high - low)
