"""Token shards on disk: raw little-endian integers, memory-mapped; nothing is loaded whole.

A split of the corpus is one long stream of token ids, documents one after the other, each closed by the eos
token. The stream lies in `<split>-00000.bin`, …; `<split>-00000.idx.npy` holds the offset (in tokens, within
its .bin) at which each document starts, plus the end; `index.json` describes them all and is written last. Where
a corpus has several named parts, each has files of its own, `<split>-<part>-00000.bin`, ….
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import TypeAdapter

from pipeline.errors import UserError
from pipeline.formats.shared_arrays import SharedArrays
from pipeline.store import durable
from pipeline.store.artifacts import write_json

INDEX = "index.json"
OPEN_FILES = 256
"""Shards that a process holds open at most, those read last: each takes a descriptor, of which a process usually has
1,024, and a corpus may have thousands of shards."""


def token_dtype(vocab_size: int) -> np.dtype:
    """uint16 where every id below `vocab_size` fits, else uint32; little-endian."""
    return np.dtype("<u2") if vocab_size <= 65_536 else np.dtype("<u4")


DTYPES = ("uint16", "uint32", "<u2", "<u4")


@dataclass(frozen=True)
class ShardFile:
    """One .bin file of a split."""

    name: str
    tokens: int
    documents: int
    sha256: str
    part: str = ""
    """Of a mixture, that its documents belong to."""


@dataclass(frozen=True)
class ShardIndex:
    """What index.json holds."""

    dtype: str
    vocab_size: int
    eos_id: int
    tokenizer: str
    """sha256 of the tokenizer.json that made the ids."""
    splits: dict[str, list[ShardFile]]

    def tokens(self, split: str) -> int:
        return sum(file.tokens for file in self.splits.get(split, ()))

    def part_tokens(self, split: str) -> dict[str, int]:
        """Tokens of each part of a split, in the order of the files; one part named "" where there are none."""
        found: dict[str, int] = {}
        for file in self.splits.get(split, ()):
            found[file.part] = found.get(file.part, 0) + file.tokens
        return found

    def save(self, folder: Path) -> None:
        write_json(folder / INDEX, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "ShardIndex":
        """Raises: UserError: where the folder holds no readable index."""
        try:
            values = json.loads((folder / INDEX).read_text())
            index = TypeAdapter(cls).validate_python(values)
            if index.dtype not in DTYPES:
                raise ValueError(f"its dtype is {index.dtype}")
            return index
        except (FileNotFoundError, ValueError, RecursionError) as error:
            raise UserError(
                f"{folder / INDEX} is missing or damaged ({error}); "
                f"delete the folder {folder} and start again to write it anew"
            ) from None


class ShardWriter:
    """Writes one .bin file of a split and its .idx.npy; both are there when they are complete, and not before.

    Use as a context manager.
    """

    file: ShardFile
    """What was written. It is set at the context's end."""

    def __init__(self, folder: Path, name: str, dtype: np.dtype, part: str = ""):
        """Args: name: without an ending, `train-00000`; part: of a mixture, that the documents belong to."""
        self._path, self._dtype, self._part = folder / f"{name}.bin", dtype, part
        self._scratch = folder / f".{name}.{os.getpid()}.tmp"
        self._hash, self._offsets = hashlib.sha256(), [0]

    def __enter__(self) -> "ShardWriter":
        self._file = self._scratch.open("wb")
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._file.close()
        if kind is not None:
            self._scratch.unlink(missing_ok=True)
            return
        # The offsets first: who finds the .bin finds both.
        offsets = self._scratch.with_suffix(".idx")
        with offsets.open("wb") as file:
            np.save(file, np.array(self._offsets, dtype=np.int64))
        durable.replace(offsets, self._path.with_suffix(".idx.npy"))
        durable.replace(self._scratch, self._path)
        documents = len(self._offsets) - 1
        self.file = ShardFile(
            self._path.name, self._offsets[-1], documents, self._hash.hexdigest(), self._part
        )

    def write(self, ids: np.ndarray) -> None:
        """One document's ids, eos included."""
        content = ids.astype(self._dtype).tobytes()
        self._file.write(content)
        self._hash.update(content)
        self._offsets.append(self._offsets[-1] + len(ids))


@dataclass(frozen=True)
class _Place:
    """A .bin file on disk; who replaces it makes another place of it."""

    path: Path
    inode: int
    changed_ns: int


@lru_cache(OPEN_FILES)
def _mapped(place: _Place, dtype: np.dtype) -> np.ndarray:
    return np.memmap(place.path, dtype=dtype, mode="r")


class TokenStream:
    """The tokens of a split, or of one part of it, as a single sequence over its memory-mapped files.

    Raises:
        UserError: where there are none or a file's size is not what the index says.
    """

    def __init__(self, folder: Path, split: str, part: str | None = None, shared: SharedArrays | None = None):
        """
        Args:
            part: None takes all parts, one after the other.
            shared: where ranks find what one of them has worked out about the stream; None for a process alone.
        """
        self.shared = shared
        self.index = ShardIndex.load(folder)
        self.name = f"part {part} of the {split} split" if part else f"the {split} split"
        files = [file for file in self.index.splits.get(split, ()) if part in (None, file.part)]
        if not files:
            where = f"part {part} of the corpus" if part else "corpus"
            raise UserError(
                f"the {where} has no {split} documents; give it more text or a larger {split} fraction"
            )
        self._dtype = np.dtype(self.index.dtype).newbyteorder("<")
        self._places = []
        for file in files:
            path = folder / file.name
            stat = path.stat() if path.exists() else None
            expected, found = file.tokens * self._dtype.itemsize, stat.st_size if stat else 0
            if stat is None or found != expected:
                raise UserError(
                    f"{path} has {found:,} bytes where its index says {expected:,}: it is damaged; "
                    f"delete the folder {folder} and start again to write it anew"
                )
            self._places.append(_Place(path, stat.st_ino, stat.st_ctime_ns))
        self._folder, self._files = folder, files
        self._starts = np.cumsum([0, *(file.tokens for file in files)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def eos_id(self) -> int:
        return self.index.eos_id

    def read(self, start: int, length: int) -> np.ndarray:
        """Tokens [start, start + length) as int64; shorter at the end of the stream."""
        end = min(start + length, len(self))
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = []
        while start < end:
            offset = start - int(self._starts[first])
            part = _mapped(self._places[first], self._dtype)[offset : offset + end - start]
            parts.append(part)
            start += len(part)
            first += 1
        return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)

    def read_rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        """Tokens [start, start + length) from each of these places, int64 [starts, length]; all lie within the stream.

        As fast as one copy, where `read` takes longer for the call than for the tokens.
        """
        rows = np.empty((len(starts), length), np.int64)
        files = np.searchsorted(self._starts, starts, side="right") - 1
        whole = starts + length <= self._starts[files + 1]
        for file in np.unique(files[whole]):
            here = whole & (files == file)
            windows = sliding_window_view(np.asarray(_mapped(self._places[file], self._dtype)), length)
            rows[here] = windows[starts[here] - self._starts[file]]
        for row in np.flatnonzero(~whole):
            rows[row] = self.read(int(starts[row]), length)
        return rows

    def document_starts(self) -> np.ndarray:
        """Where each document starts in the sequence, and the end; int64 [documents + 1].

        Raises:
            UserError: where the offsets of a file are missing or are not what the index says.
        """
        starts = []
        for first, file in zip(self._starts.tolist(), self._files, strict=False):
            path = (self._folder / file.name).with_suffix(".idx.npy")
            try:
                offsets = np.load(path)
            except Exception:  # NumPy reads the head as Python code, whose errors are of many kinds
                offsets = np.empty(0, np.int64)
            if offsets.shape != (file.documents + 1,) or offsets[-1] != file.tokens:
                raise UserError(
                    f"{path} is missing or damaged; delete the folder {self._folder} and start again to write it anew"
                )
            starts.append(offsets[:-1] + first)
        return np.concatenate([*starts, [len(self)]])
