"""Writing and reading the pieces of a checkpoint, one safetensors file per rank; the writing in the background."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.errors import UserError
from pipeline.formats.checkpoints import DIGEST, Checkpoint
from pipeline.store.durable import to_disk
from pipeline.store.file_hashes import hash_file
from train.checkpoints.pieces import WEIGHT, StatePiece


class Writer:
    """Writes one rank's pieces in a thread, from a copy in host memory that is made at once.

    The copy is kept and used again: a checkpoint costs training the time of the copy, and no allocation.
    """

    def __init__(self) -> None:
        self._copies: dict[str, Tensor] = {}
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None
        """Why the last writing failed, or None."""

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, pieces: Iterable[StatePiece], path: Path) -> None:
        """Copy the pieces, then write them to `path`, and their sha256 beside it, in the background."""
        self.wait()
        tensors = {key: self._copy(key, piece.tensor) for key, piece in _keyed(pieces)}
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._copies = tensors
        self.error = None
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
            save_file(tensors, path)
            to_disk(path)
            digest = path.with_name(path.name + DIGEST)
            digest.write_text(hash_file(path) + "\n")
            to_disk(digest)
        except (OSError, SafetensorError) as error:
            self.error = error


def _keyed(pieces: Iterable[StatePiece]) -> Iterator[tuple[str, StatePiece]]:
    for piece in pieces:
        yield f"{piece.kind}/{piece.name}/{piece.start}", piece


class Reader:
    """Reads any range of elements of a checkpoint, whoever wrote which part of it."""

    def __init__(self, checkpoint: Checkpoint):
        self._checkpoint = checkpoint
        self._parts: dict[tuple[str, str], list[tuple[int, int, Path, str]]] = {}
        for path in checkpoint.files:
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118 (it is no dict)
                    kind, rest = key.split("/", 1)
                    name, start = rest.rsplit("/", 1)
                    (size,) = file.get_slice(key).get_shape()
                    self._parts.setdefault((kind, name), []).append((int(start), size, path, key))

    @property
    def names(self) -> set[str]:
        """Of the parameters."""
        return {name for _, name in self._parts}

    def fill(self, pieces: Iterable[StatePiece]) -> None:
        """Give every piece its values.

        Raises:
            UserError: where the checkpoint holds no such elements: another model or another optimizer wrote it.
        """
        opened: dict[Path, safe_open] = {}
        for piece in pieces:
            wanted, found = piece.tensor.numel(), 0
            for start, size, path, key in self._parts.get((piece.kind, piece.name), ()):
                first, last = max(start, piece.start), min(start + size, piece.start + wanted)
                if first >= last:
                    continue
                if path not in opened:
                    opened[path] = safe_open(path, "pt")
                values = opened[path].get_slice(key)[first - start : last - start]
                piece.tensor[first - piece.start : last - piece.start].copy_(values)
                found += last - first
            if found != wanted:
                raise UserError(
                    f"the checkpoint {self._checkpoint.folder} lacks {piece.kind} of {piece.name}: it was written by "
                    "another model or optimizer. Use the settings that it was trained with, or start from scratch "
                    "under another run name"
                )

    def weights(self, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
        """The whole fp32 weights of these parameters.

        Raises:
            UserError: where the checkpoint has none of such a name and size.
        """
        for name, shape in shapes.items():
            held = sum(size for _, size, _, _ in self._parts.get((WEIGHT, name), ()))
            if held > shape.numel():
                raise UserError(
                    f"the checkpoint {self._checkpoint.folder} has {held:,} elements of {name}, the model "
                    f"{shape.numel():,}: it was written by another model"
                )
        weights = {name: torch.empty(shape) for name, shape in shapes.items()}
        self.fill(StatePiece(name, WEIGHT, 0, tensor.view(-1)) for name, tensor in weights.items())
        return weights
