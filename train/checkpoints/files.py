"""Writing and reading the pieces of a checkpoint, one safetensors file per rank; the writing in the background."""

import threading
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

import torch
from torch import Tensor

from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint
from train.checkpoints.piece_index import PieceIndex
from train.checkpoints.pieces import WEIGHT, StatePiece
from train.checkpoints.tensor_file import read_elements, read_header, write_tensors


class Writer:
    """Writes one rank's pieces in a thread, from a copy in host memory that is made at once.

    The copy is kept and used again: a checkpoint costs training the time of the copy, and no allocation.
    """

    def __init__(self) -> None:
        self._copies: dict[str, Tensor] = {}
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None
        """Why the last writing failed, or None."""
        self.digest: str | None = None
        """sha256 of the file that was written last; None where that failed."""

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, pieces: Iterable[StatePiece], path: Path) -> None:
        """Copy the pieces, then write them to `path` in the background."""
        self.wait()
        tensors = {key: self._copy(key, piece.tensor) for key, piece in _keyed(pieces)}
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._copies = tensors
        self.error = self.digest = None
        self._thread = threading.Thread(target=self._write, args=(tensors, path), name="checkpoint writer")
        self._thread.start()

    def wait(self) -> None:
        """Until nothing is being written."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _copy(self, key: str, tensor: Tensor) -> Tensor:
        copy = self._copies.get(key)
        if copy is None:
            copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
        return copy.copy_(tensor, non_blocking=True)

    def _write(self, tensors: dict[str, Tensor], path: Path) -> None:
        try:
            self.digest = write_tensors(path, tensors)
        except OSError as error:
            self.error = error


def _keyed(pieces: Iterable[StatePiece]) -> Iterator[tuple[str, StatePiece]]:
    for piece in pieces:
        yield f"{piece.kind}/{piece.name}/{piece.start}", piece


class Reader:
    """Reads any range of elements of a checkpoint, whoever wrote which part of it."""

    def __init__(self, checkpoint: Checkpoint, index: PieceIndex | None = None):
        """Args: index: of its pieces; where it is not known, the heads of all files are read for it."""
        self._checkpoint = checkpoint
        self._index = index or PieceIndex(dict(enumerate(map(read_header, checkpoint.files))))

    @property
    def names(self) -> set[str]:
        """Of the parameters."""
        return self._index.names

    def fill(self, pieces: Iterable[StatePiece]) -> None:
        """Give every piece its values. Each file that holds some of them is opened once.

        Raises:
            UserError: where the checkpoint holds no such elements: another model or another optimizer wrote it.
        """
        wanted: dict[int, list[tuple[int, Tensor]]] = {}
        for piece in pieces:
            count, found = piece.tensor.numel(), 0
            for run in self._index.find(piece.kind, piece.name, piece.start, count):
                first = run.start - piece.start
                target = piece.tensor[first : first + run.size]
                wanted.setdefault(run.file, []).append((run.offset, target))
                found += run.size
            if found != count:
                raise UserError(
                    f"the checkpoint {self._checkpoint.folder} lacks {piece.kind} of {piece.name}: it was written by "
                    "another model or optimizer. Use the settings that it was trained with, or start from scratch "
                    "under another run name"
                )
        files = self._checkpoint.files
        for number, targets in sorted(wanted.items()):
            with files[number].open("rb") as file:
                for offset, target in sorted(targets, key=itemgetter(0)):
                    read_elements(file, offset, target)

    def weights(self, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
        """The whole fp32 weights of these parameters.

        Raises:
            UserError: where the checkpoint has none of such a name and size.
        """
        for name, shape in shapes.items():
            held = self._index.size(WEIGHT, name)
            if held > shape.numel():
                raise UserError(
                    f"the checkpoint {self._checkpoint.folder} has {held:,} elements of {name}, the model "
                    f"{shape.numel():,}: it was written by another model"
                )
        weights = {name: torch.empty(shape) for name, shape in shapes.items()}
        self.fill(StatePiece(name, WEIGHT, 0, tensor.view(-1)) for name, tensor in weights.items())
        return weights
