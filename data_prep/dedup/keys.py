"""What deduplication needs of each document, on disk: a folder per piece of the corpus with NumPy arrays.

    digest.npy              uint64 [n, 2]   where documents are compared at all
    id.npy                  uint64 [n, 2]
    held_out.npy            bool [n]
    bands.npy               uint64 [n, bands], of MinHash, where nearly equal ones are looked for
    sketch.npy              uint32, the documents' sketches one after the other
    sketch_ends.npy         int64 [n]
    evaluated.npy           bool [n]
    <unit>_hash.npy         uint64, where paragraphs, lines, sentences or passages are compared: those of the documents,
                            one document's after the other's; 0 for what stays
    <unit>_ends.npy         int64 [n]

With near duplicates and the default settings about 2.3 kB per document of 512 words and more; with passages 8 bytes for
each word besides.
"""

import shutil
from functools import cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from data_prep.dedup.digest import digest
from data_prep.dedup.minhash import MinHash
from data_prep.dedup.shingles import shingles
from data_prep.dedup.units import units
from pipeline.config.clean import DeduplicateConfig
from pipeline.store import durable

_MAPPED_FILES = 256
"""At a time; each holds a file descriptor."""


class KeyWriter:
    """Writes the keys of a piece's documents; use as a context manager.

    The piece's folder is there once all is written, and takes the place of an earlier one; after an error it is not.
    Memory: the piece's keys.
    """

    def __init__(self, folder: Path, piece: int, config: DeduplicateConfig):
        """Args: piece: its place among the pieces of the corpus, from 0."""
        self._folder = piece_folder(folder, piece)
        self._config = config
        self._minhash = MinHash(config.near) if config.documents == "near" else None
        self._ids: list[bytes] = []
        self._digests: list[bytes] = []
        self._held_out: list[bool] = []
        self._minima: list[np.ndarray] = []
        self._sketches: list[np.ndarray] = []
        self._evaluated: list[bool] = []
        self._units = {unit: [] for unit in units(config)}

    def __enter__(self) -> "KeyWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self._write()

    def add(self, document_id: str, text: str, held_out: bool = False, evaluated: bool = False) -> None:
        """The next document of the piece.

        Args:
            held_out: the corpus itself holds it out for validation or test: it stays, whatever it equals.
            evaluated: it is of the validation or test split, whoever made these.
        """
        self._ids.append(blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=16).digest())
        self._held_out.append(held_out)
        self._evaluated.append(evaluated)
        if self._config.documents != "none":
            self._digests.append(digest(text))
        if self._minhash is not None:
            minima, sketch = self._minhash(shingles(text, self._config.near.shingle_words))
            self._minima.append(minima)
            self._sketches.append(sketch.copy())  # or all hashes of the document would stay in memory
        for unit, hashes in self._units.items():
            hashes.append(unit.hashes(text))

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {
            "id": _pairs(self._ids),
            "held_out": np.array(self._held_out, dtype=bool),
            "evaluated": np.array(self._evaluated, dtype=bool),
        }
        if self._config.documents != "none":
            arrays["digest"] = _pairs(self._digests)
        if self._minhash is not None:
            size = self._config.near.bands * self._config.near.rows
            minima = np.array(self._minima, dtype=np.uint32).reshape(-1, size)
            arrays["bands"] = self._minhash.band_keys(minima)
            arrays["sketch"] = _concatenated(self._sketches, np.uint32)
            arrays["sketch_ends"] = np.cumsum([len(sketch) for sketch in self._sketches], dtype=np.int64)
        for unit, hashes in self._units.items():
            arrays[f"{unit.name}_hash"] = _concatenated(hashes, np.uint64)
            arrays[f"{unit.name}_ends"] = np.cumsum([len(array) for array in hashes], dtype=np.int64)
        return arrays

    def _write(self) -> None:
        partial = self._folder.with_name(f"{self._folder.name}.partial")
        for left in (partial, self._folder):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, array in self._arrays().items():
            np.save(partial / f"{name}.npy", array)
        durable.publish(partial, self._folder)


def _pairs(hashes: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(hashes), dtype="<u8").reshape(-1, 2)


def _concatenated(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)


class Keys:
    """The keys of all pieces, memory-mapped. Documents are numbered through the pieces in their order."""

    def __init__(self, folder: Path, pieces: int):
        """Args: pieces: how many the corpus has, all of them written."""
        self._folder, self._pieces = folder, pieces
        self._map = lru_cache(_MAPPED_FILES)(_map)

    def __len__(self) -> int:
        """Number of pieces."""
        return self._pieces

    @cached_property
    def starts(self) -> np.ndarray:
        """int64 [pieces + 1]: the number of each piece's first document, and last the number of all documents."""
        counts = [len(self.array(piece, "held_out")) for piece in range(len(self))]
        return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])

    @property
    def documents(self) -> int:
        return int(self.starts[-1])

    def array(self, piece: int, name: str) -> np.ndarray:
        """An array of a piece; see the head of this file."""
        return self._map(piece_folder(self._folder, piece) / f"{name}.npy")


def piece_folder(folder: Path, piece: int) -> Path:
    return folder / f"{piece:06d}"


def _map(path: Path) -> np.ndarray:
    array = np.load(path, mmap_mode="r")
    return array.view(np.ndarray)  # slicing a plain array is far cheaper than slicing a memmap
