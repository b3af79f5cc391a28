"""Token shards on disk: raw little-endian integers, memory-mapped; nothing is loaded whole.

A split of the corpus is one long stream of token ids, documents one after the other, each closed by the eos
token. The stream lies in `<split>-00000.bin`, …; `<split>-00000.idx.npy` holds the offset (in tokens, within
its .bin) at which each document starts, plus the end; `index.json` describes them all and is written last.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import UserError
from pipeline.fingerprint import hash_file
from pipeline.store import write_json

INDEX = "index.json"
VERIFY_THREADS = 8


def token_dtype(vocab_size: int) -> np.dtype:
    """uint16 where every id below `vocab_size` fits, else uint32; little-endian."""
    return np.dtype("<u2") if vocab_size <= 65_536 else np.dtype("<u4")


@dataclass(frozen=True)
class ShardFile:
    """One .bin file of a split."""

    name: str
    tokens: int
    documents: int
    sha256: str


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

    def save(self, folder: Path) -> None:
        write_json(folder / INDEX, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "ShardIndex":
        """Raises: UserError: where the folder holds no readable index."""
        try:
            values = json.loads((folder / INDEX).read_text())
            splits = {
                name: [ShardFile(**file) for file in files] for name, files in values.pop("splits").items()
            }
            return cls(splits=splits, **values)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{folder / INDEX} is missing or damaged ({error}); "
                f"delete the folder {folder} and start again to write it anew"
            ) from None


class ShardWriter:
    """Writes one split's stream, a new .bin whenever the last has reached `shard_mb` (10^6 bytes).

    Use as a context manager; `files` is complete after it.
    """

    def __init__(self, folder: Path, split: str, dtype: np.dtype, shard_mb: int):
        self._folder, self._split, self._dtype = folder, split, dtype
        self._limit = shard_mb * 1_000_000 // dtype.itemsize
        self._file = None
        self._offsets: list[int] = [0]
        self.files: list[ShardFile] = []

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self._close()
        elif self._file is not None:
            self._file.close()

    def write(self, ids: np.ndarray) -> None:
        """One document's ids, eos included."""
        if self._file is None:
            self._path = self._folder / f"{self._split}-{len(self.files):05d}.bin"
            self._file, self._hash = self._path.open("wb"), hashlib.sha256()
        content = ids.astype(self._dtype).tobytes()
        self._file.write(content)
        self._hash.update(content)
        self._offsets.append(self._offsets[-1] + len(ids))
        if self._offsets[-1] >= self._limit:
            self._close()

    def _close(self) -> None:
        if self._file is None:
            return
        self._file.close()
        np.save(self._path.with_suffix(".idx.npy"), np.array(self._offsets, dtype=np.int64))
        self.files.append(
            ShardFile(self._path.name, self._offsets[-1], len(self._offsets) - 1, self._hash.hexdigest())
        )
        self._file, self._offsets = None, [0]


class TokenStream:
    """One split's tokens as a single sequence over its memory-mapped files.

    Raises:
        UserError: where the split is empty or a file's size is not what the index says.
    """

    def __init__(self, folder: Path, split: str):
        self.index = ShardIndex.load(folder)
        files = self.index.splits.get(split, [])
        if not files:
            raise UserError(
                f"the corpus has no {split} documents; give it more text or a larger {split} fraction"
            )
        dtype = np.dtype(self.index.dtype).newbyteorder("<")
        self._maps = []
        for file in files:
            path = folder / file.name
            expected, found = file.tokens * dtype.itemsize, path.stat().st_size if path.exists() else 0
            if found != expected:
                raise UserError(
                    f"{path} has {found:,} bytes where its index says {expected:,}: it is damaged; "
                    f"delete the folder {folder} and start again to write it anew"
                )
            self._maps.append(np.memmap(path, dtype=dtype, mode="r"))
        self._starts = np.cumsum([0, *(file.tokens for file in files)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, start: int, length: int) -> np.ndarray:
        """Tokens [start, start + length) as int64; shorter at the end of the stream."""
        end = min(start + length, len(self))
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = []
        while start < end:
            offset = start - int(self._starts[first])
            part = self._maps[first][offset : offset + end - start]
            parts.append(part)
            start += len(part)
            first += 1
        return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


def verify(folder: Path) -> None:
    """Read every .bin and compare its checksum.

    A thread reads 1 to 2 GB in a second and there are up to eight, so one process of a training run is enough;
    afterwards the operating system holds in memory what was read.

    Raises:
        UserError: naming the first .bin whose content is not what the index says.
    """
    files = [file for split in ShardIndex.load(folder).splits.values() for file in split]

    def intact(file: ShardFile) -> bool:
        path = folder / file.name
        return path.exists() and hash_file(path) == file.sha256

    with ThreadPoolExecutor(min(VERIFY_THREADS, os.cpu_count() or 1)) as pool:
        for file, good in zip(files, pool.map(intact, files), strict=True):
            if not good:
                raise UserError(
                    f"{folder / file.name} is missing or its checksum is wrong: it is damaged; "
                    f"delete the folder {folder} and start again to write it anew"
                )
