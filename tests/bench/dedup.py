"""Deduplication: signatures against datasketch and rensa on the same documents, and decisions over many documents."""

import re
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from data_prep.dedup import Keys, KeyWriter, cut, decide, units
from data_prep.dedup.minhash import MinHash
from data_prep.dedup.shingles import shingles
from data_prep.dedup.units import UNITS
from pipeline.config.clean import DeduplicateConfig, NearDuplicatesConfig
from tests.bench.table import Row

_CONFIG = NearDuplicatesConfig()
_PERMUTATIONS = _CONFIG.bands * _CONFIG.rows
_ROUNDS = 3
_PIECES, PIECE_DOCUMENTS = 100, 10_000
_SKETCH = 128
_BOILERPLATE = 100_000
"""Documents that share a band without being alike."""


def bench_dedup(text: Path | None) -> Iterator[Row]:
    """Args: text: a file of plain text, cut into documents of 600 words; the packages compared are optional."""
    if text is None:
        yield ("MinHash signatures", "skipped", "no --text PATH", "")
    else:
        yield from _signatures(text)
        yield from _repeated(text)
    yield _decisions()


def _signatures(path: Path) -> Iterator[Row]:
    words = re.findall(r"\S+\s+", path.read_text(encoding="utf-8"))
    documents = ["".join(words[start : start + 600]) for start in range(0, len(words), 600)][:1000]
    hashes = [shingles(document, _CONFIG.shingle_words) for document in documents]
    grams = [_five_grams(document) for document in documents]
    minhash = MinHash(_CONFIG)
    for name, theirs in (("datasketch", _datasketch), ("rensa", _rensa)):
        try:
            sign = theirs()
        except ImportError:
            yield (f"MinHash signatures against {name}", "skipped", f"{name} is not installed", "")
            continue
        what = f"MinHash of {_PERMUTATIONS} permutations, ours with sketches, against {name}"
        yield _ratio(
            f"{what}, from text",
            lambda: [minhash(shingles(document, _CONFIG.shingle_words)) for document in documents],
            lambda sign=sign: [sign(_five_grams(document)) for document in documents],
            len(documents),
        )
        yield _ratio(
            f"{what}, from hashes and 5-grams",
            lambda: [minhash(array) for array in hashes],
            lambda sign=sign: [sign(found) for found in grams],
            len(documents),
        )


def _ratio(what: str, ours: Callable[[], object], theirs: Callable[[], object], count: int) -> Row:
    """In turns, the best of several, by the time of this process."""
    best = [float("inf"), float("inf")]
    for _ in range(_ROUNDS):
        for which, function in enumerate((ours, theirs)):
            started = time.process_time()
            function()
            best[which] = min(best[which], time.process_time() - started)
    rates = [f"{count / seconds:,.0f} documents/s" for seconds in best]
    return (what, *rates, f"{best[1] / best[0]:.1f}×")


def _five_grams(document: str) -> list[str]:
    words = re.findall(r"[^\W_]+", document.casefold())
    return [" ".join(words[start : start + 5]) for start in range(max(len(words) - 4, 1))]


def _datasketch() -> Callable[[list[str]], object]:
    from datasketch import MinHash as Theirs

    def sign(grams: list[str]) -> object:
        signature = Theirs(num_perm=_PERMUTATIONS)
        signature.update_batch([gram.encode() for gram in grams])
        return signature

    return sign


def _rensa() -> Callable[[list[str]], object]:
    from rensa import RMinHash

    def sign(grams: list[str]) -> object:
        signature = RMinHash(num_perm=_PERMUTATIONS, seed=1)
        signature.update(grams)
        return signature.digest()

    return sign


def _decisions() -> Row:
    """A million documents, of which one in twenty nearly equals an earlier one."""
    near = NearDuplicatesConfig(sketch=_SKETCH)
    config = DeduplicateConfig(documents="near", near=near)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for piece in range(_PIECES):
            write_keys(folder / "keys", piece, near)
        tracemalloc.start()
        started = time.process_time()
        decisions = decide(Keys(folder / "keys", _PIECES), config, folder / "decisions")
        seconds = time.process_time() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        count = len(decisions.code)
        dropped = np.count_nonzero(decisions.code) / count
    return (
        f"decisions on {count:,} documents, {dropped:.1%} dropped",
        f"{count / seconds:,.0f} documents/s",
        f"{seconds:.0f} s, {peak / 1e6:,.0f} MB",
        "",
    )


def _repeated(path: Path) -> Iterator[Row]:
    """What each unit takes out of the articles of WikiText, or of any text's blocks between blank lines."""
    texts = re.split(r"\n(?= = [^=])|\n\n", path.read_text(encoding="utf-8"))
    size = sum(len(text.encode()) for text in texts) / 1e6
    for name in UNITS:
        config = DeduplicateConfig(documents="none", **{name: True})
        (unit,) = units(config)
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            with KeyWriter(Path(folder) / "keys", 0, config) as keys:
                for number, text in enumerate(texts):
                    keys.add(str(number), text)
            hashed = time.process_time()
            repeated = (
                decide(Keys(Path(folder) / "keys", 1), config, Path(folder) / "decisions").piece(0).repeated
            )
            decided = time.process_time()
            left = {
                row: cut(texts[row], unit.spans(texts[row], found[name])) for row, found in repeated.items()
            }
            seconds = time.process_time() - decided
            disk = sum(file.stat().st_size for file in Path(folder).glob("keys/*/*")) / 1e6
        gone = sum(len(texts[row].encode()) - len(text.encode()) for row, text in left.items()) / 1e6
        rates = [f"{size / took:,.0f} MB/s" for took in (hashed - started, decided - hashed)]
        yield (
            f"{name} of {len(texts):,} texts ({size:.1f} MB) that stand in an earlier one",
            f"{gone:.3f} MB ({gone / size:.2%}) of {len(left):,} texts",
            f"{rates[0]} keys ({disk:.1f} MB), {rates[1]} decisions, {seconds:.2f} s to take out",
            "",
        )


def write_keys(keys: Path, piece: int, near: NearDuplicatesConfig, paragraphs: int = 0) -> None:
    """Random keys of a piece's documents.

    Args:
        keys: folder of all pieces.
        paragraphs: of each document; one in twenty stands in the piece twice.
    """
    rng = np.random.default_rng(piece)
    count = PIECE_DOCUMENTS
    sketch = rng.integers(0, 1 << 32, (count, near.sketch), dtype=np.uint32)
    bands = rng.integers(0, 1 << 64, (count, near.bands), dtype=np.uint64)
    copies = slice(count - count // 20, count)
    originals = slice(0, count // 20)
    sketch[copies, near.sketch // 20 :] = sketch[originals, near.sketch // 20 :]
    bands[copies, ::2] = bands[originals, ::2]
    if piece * count < _BOILERPLATE:
        bands[:, 1] = 1
    arrays = {
        "id": rng.integers(0, 1 << 64, (count, 2), dtype=np.uint64),
        "digest": rng.integers(0, 1 << 64, (count, 2), dtype=np.uint64),
        "held_out": np.zeros(count, dtype=bool),
        "evaluated": np.zeros(count, dtype=bool),
        "bands": bands,
        "sketch": np.sort(sketch, axis=1).reshape(-1),
        "sketch_ends": np.arange(1, count + 1) * near.sketch,
    }
    if paragraphs:
        hashes = rng.integers(0, 1 << 64, (count, paragraphs), dtype=np.uint64)
        hashes[copies] = hashes[originals]
        arrays["paragraphs_hash"] = hashes.reshape(-1)
        arrays["paragraphs_ends"] = np.arange(1, count + 1) * paragraphs
    folder = keys / f"{piece:06d}"
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
