"""The shards stage: encode every document once, in parallel, into memory-mapped token files."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np

from data_prep.parallel import ordered_map
from pipeline.config.stages import ShardsStage
from pipeline.context import Context
from pipeline.documents import SPLITS, document_files, read_texts, text_bytes
from pipeline.errors import UserError
from pipeline.machine import usable_cores
from pipeline.progress import progress
from pipeline.shards import ShardIndex, ShardWriter, token_dtype
from pipeline.tokenizers import TextEncoder, tokenizer_hash

BATCH_BYTES = 250_000
"""Text that a process encodes at a time: small enough to hold its encodings in about 50 MB."""


Batch = tuple[str, list[str]]
"""A split, and texts of it."""

Encoded = tuple[str, np.ndarray, np.ndarray, int]
"""A batch's split, all its ids (uint32), the length of each document, and the bytes of text in all."""


def run(config: ShardsStage, context: Context) -> dict[str, float | str]:
    """Writes every split in the format of `pipeline.shards`, the same bytes for any number of workers.

    Raises:
        UserError: where there is no training text, or documents or tokenizer are damaged.
    """
    documents = context.inputs["clean"] / "documents"
    artifact = context.inputs["tokenizer"]
    encoder = TextEncoder(artifact)
    dtype = token_dtype(encoder.vocab_size)
    splits = [split for split in SPLITS if document_files(documents, split)]
    if "train" not in splits:
        raise UserError(
            f"{documents} holds no training documents; give the corpus more text or loosen clean.filters"
        )
    for left in [*context.folder.glob("*.bin"), *context.folder.glob("*.idx.npy")]:  # by a killed attempt
        left.unlink()
    sizes = {split: text_bytes(documents, split) for split in splits}
    workers = _worker_count(config.shards.workers, sum(sizes.values()))
    context.log.info("encoding %.1f MB of text in %d processes", sum(sizes.values()) / 1e6, workers)
    files, started = {split: [] for split in splits}, time.monotonic()
    batches = (batch for split in splits for batch in _batches(split, read_texts(documents, split)))
    with (
        closing(ordered_map(BatchEncoder(artifact), batches, workers, "shards.workers")) as encoded,
        progress("shards", sum(sizes.values()), "MB", 1e6, context.run.progress) as bar,
    ):
        for split, of_split in groupby(encoded, key=lambda batch: batch[0]):
            with ShardWriter(context.folder, split, dtype, config.shards.shard_mb) as writer:
                for _, ids, lengths, size in of_split:
                    for document in np.split(ids, np.cumsum(lengths)[:-1]):
                        writer.write(document)
                    bar.advance(size)
            files[split] = writer.files
    seconds = time.monotonic() - started
    index = ShardIndex(dtype.name, encoder.vocab_size, encoder.eos_id, tokenizer_hash(artifact), files)
    index.save(context.folder)
    total = sum(index.tokens(split) for split in SPLITS)
    metrics = {f"{split}_tokens": index.tokens(split) for split in SPLITS}
    metrics |= {
        "documents": sum(file.documents for written in files.values() for file in written),
        "tokens_per_second": total / seconds,
        "dtype": dtype.name,
    }
    context.log.info("%s tokens (%s), %s tokens/s", f"{total:,}", dtype.name, f"{total / seconds:,.0f}")
    return metrics


def _worker_count(configured: int | None, size: int) -> int:
    """No more processes than there are batches to encode."""
    available = configured or usable_cores()
    return max(1, min(available, size // BATCH_BYTES))


def _batches(split: str, texts: Iterator[str]) -> Iterator[Batch]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_BYTES:
            yield split, batch
            batch, size = [], 0
    if batch:
        yield split, batch


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
        split, texts = batch
        documents = self._encoder.encode_batch(texts)
        lengths = np.array([len(ids) + 1 for ids in documents])
        ends = np.cumsum(lengths)
        stream = np.full(ends[-1], self._encoder.eos_id, dtype=np.uint32)
        for end in reversed(ends):
            ids = documents.pop()
            stream[end - 1 - len(ids) : end - 1] = ids
        return split, stream, lengths, sum(len(text.encode()) for text in texts)
