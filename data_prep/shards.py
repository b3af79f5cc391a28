"""The shards stage: encode every document once, in parallel, into memory-mapped token files."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np

from data_prep.parallel.map_pieces import read_tallies
from data_prep.parallel.pool import ordered_map
from pipeline.config.stages import ShardsStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import SPLITS, document_files, document_part, text_bytes_in, texts_in
from pipeline.formats.shards import ShardFile, ShardIndex, ShardWriter, token_dtype
from pipeline.formats.tokenizers import TextEncoder, tokenizer_hash
from pipeline.machine import usable_cores
from pipeline.store.markers import write_marker
from pipeline.text.counts import counted

BATCH_BYTES = 250_000
"""Text that a process encodes at a time: small enough to hold its encodings in about 50 MB."""
LEAST_BYTES, MOST_SHARDS = 256_000_000, 4096
"""Text in a shard, and shards of a corpus: opening a file takes a while, and so does listing thousands."""


@dataclass(frozen=True)
class Shard:
    """Documents that become one token file: consecutive files of one split and one part of the corpus."""

    number: int
    """Over all of them."""
    name: str
    part: str
    documents: tuple[Path, ...]
    bytes: int
    """Of text."""


Batch = tuple[int, list[str]]
"""A shard's number, and texts of it."""

Encoded = tuple[int, np.ndarray, np.ndarray, int]
"""A shard's number, all ids of a batch of its texts (uint32), the length of each document, and the bytes of text."""


def plan_shards(documents: Path, shard_mb: int | None) -> list[Shard]:
    """All documents in shards of at least so much text, but for the last of a split or part; see `ShardsConfig`.

    Raises:
        UserError: where there is no training text, or a file is damaged.
    """
    shards: list[Shard] = []
    sizes = {
        split: {path: text_bytes_in(path) for path in document_files(documents, split)} for split in SPLITS
    }
    total = sum(size for of_split in sizes.values() for size in of_split.values())
    shard_bytes = max(LEAST_BYTES, total // MOST_SHARDS) if shard_mb is None else shard_mb * 10**6
    for split, of_split in sizes.items():
        names: Counter[str] = Counter()
        for part, files in groupby(of_split.items(), key=lambda file: document_part(file[0])):
            for group, size in _groups(files, shard_bytes):
                prefix = f"{split}-{part}" if part else split
                name = f"{prefix}-{names[prefix]:05d}"
                names[prefix] += 1
                shards.append(Shard(len(shards), name, part, tuple(group), size))
    if not any(shard.name.startswith("train-") for shard in shards):
        raise UserError(
            f"{documents} holds no training documents; give the corpus more text or loosen clean.filters"
        )
    return shards


def _groups(files: Iterable[tuple[Path, int]], shard_bytes: int) -> Iterator[tuple[list[Path], int]]:
    group: list[Path] = []
    size = 0
    for path, text in files:
        group.append(path)
        size += text
        if size >= shard_bytes:
            yield group, size
            group = []
            size = 0
    if group:
        yield group, size


def encode(config: ShardsStage, context: Context) -> None:
    """Write the token files of this process's share, in the format of `pipeline.formats.shards`, the same bytes for any
    number of processes.

    Raises:
        UserError: where there is no training text, or documents or tokenizer are damaged.
    """
    artifact = context.inputs["tokenizer"]
    dtype = token_dtype(TextEncoder(artifact).vocab_size)
    shards = plan_shards(context.inputs["clean"] / "documents", config.shards.shard_mb)
    missing = context.missing("encode", shards)
    if not missing:
        return
    total = sum(shard.bytes for shard in missing)
    workers = _worker_count(config.shards.workers, total)
    processes = counted(workers, "process", "processes")
    context.log.info("encoding %.1f MB of text in %s", total / 1e6, processes)
    batches = (batch for shard in missing for batch in _batches(shard))
    with (
        closing(ordered_map(BatchEncoder(artifact), batches, workers, "shards.workers")) as encoded,
        context.progress("shards", total, "MB", 1e6, "tokens") as bar,
    ):
        for number, of_shard in groupby(encoded, key=lambda batch: batch[0]):
            shard, started = shards[number], time.monotonic()
            with ShardWriter(context.folder, shard.name, dtype, shard.part) as writer:
                for _, ids, lengths, size in of_shard:
                    for document in np.split(ids, np.cumsum(lengths)[:-1]):
                        writer.write(document)
                    bar.advance(size, len(ids))
            tally = {"file": asdict(writer.file), "seconds": time.monotonic() - started}
            made = [context.folder / f"{shard.name}{ending}" for ending in (".bin", ".idx.npy")]
            write_marker(context.marker("encode", number), tally, made)


def run(config: ShardsStage, context: Context) -> dict[str, float | str]:
    """Write the index of the token files that `encode` has made."""
    artifact = context.inputs["tokenizer"]
    encoder = TextEncoder(artifact)
    dtype = token_dtype(encoder.vocab_size)
    shards = plan_shards(context.inputs["clean"] / "documents", config.shards.shard_mb)
    tallies = list(read_tallies(context, "encode", shards))
    files: dict[str, list[ShardFile]] = {split: [] for split in SPLITS}
    for tally in tallies:
        file = ShardFile(**tally["file"])
        files[file.name.partition("-")[0]].append(file)
    files = {split: of_split for split, of_split in files.items() if of_split}
    index = ShardIndex(dtype.name, encoder.vocab_size, encoder.eos_id, tokenizer_hash(artifact), files)
    index.save(context.folder)
    total = sum(index.tokens(split) for split in SPLITS)
    rate = total / max(sum(tally["seconds"] for tally in tallies), 1e-9)
    context.log.info("%s tokens (%s), %s tokens/s", f"{total:,}", dtype.name, f"{rate:,.0f}")
    return {f"{split}_tokens": index.tokens(split) for split in SPLITS} | {
        "documents": sum(file.documents for of_split in files.values() for file in of_split),
        "tokens_per_second": rate,
        "dtype": dtype.name,
    }


def _worker_count(configured: int | None, size: int) -> int:
    """No more processes than there are batches to encode."""
    available = configured or usable_cores()
    return max(1, min(available, size // BATCH_BYTES))


def _batches(shard: Shard) -> Iterator[Batch]:
    batch: list[str] = []
    size = 0
    for text in texts_in(shard.documents):
        batch.append(text)
        size += len(text)
        if size >= BATCH_BYTES:
            yield shard.number, batch
            batch = []
            size = 0
    if batch:
        yield shard.number, batch


class BatchEncoder:
    """Encodes batches with the tokenizer of an artifact, which it loads where it first runs."""

    def __init__(self, artifact: Path):
        self._artifact = artifact

    @cached_property
    def _encoder(self) -> TextEncoder:
        # One thread each: `tokenizers` scales over processes, not over threads.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        return TextEncoder(self._artifact)

    def __call__(self, batch: Batch) -> Encoded:
        number, texts = batch
        documents = self._encoder.encode_batch(texts)
        lengths = np.array([len(ids) + 1 for ids in documents])
        ends = np.cumsum(lengths)
        stream = np.full(ends[-1], self._encoder.eos_id, dtype=np.uint32)
        for end in reversed(ends):
            ids = documents.pop()
            stream[end - 1 - len(ids) : end - 1] = ids
        return number, stream, lengths, sum(len(text.encode()) for text in texts)
