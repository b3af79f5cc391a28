"""The shards stage: encode every document once, in parallel, into memory-mapped token files."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np

from pipeline.config.stages import ShardsStage
from pipeline.context import Context
from pipeline.documents import SPLITS, document_files, read_texts, text_bytes
from pipeline.errors import UserError
from pipeline.progress import progress
from pipeline.shards import ShardIndex, ShardWriter, token_dtype
from pipeline.tokenizers import TextEncoder, tokenizer_hash

BATCH_BYTES = 250_000
"""Text that a process encodes at a time: small enough to hold its encodings in about 50 MB."""


Encoded = tuple[np.ndarray, np.ndarray, int]
"""A batch's documents: all ids (uint32), the length of each document, and the bytes of text in all."""

Encode = Callable[[Iterator[list[str]]], Iterator[Encoded]]
"""Encodes batches of texts, in order."""


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
    files, started = {}, time.monotonic()
    with (
        _encoders(artifact, workers) as encode,
        progress("shards", sum(sizes.values()), "MB", 1e6, context.run.progress) as bar,
    ):
        for split in splits:
            with ShardWriter(context.folder, split, dtype, config.shards.shard_mb) as writer:
                for ids, lengths, size in encode(_batches(read_texts(documents, split))):
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
    available = configured or len(os.sched_getaffinity(0))
    return max(1, min(available, size // BATCH_BYTES))


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@contextmanager
def _encoders(artifact: Path, workers: int) -> Iterator[Encode]:
    """A function that encodes batches in `workers` processes, of which few are in flight at a time."""
    if workers == 1:
        _start(artifact)
        yield lambda batches: map(_encode, batches)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (artifact,))

    def encode(batches: Iterator[list[str]]) -> Iterator[Encoded]:
        pending = deque()
        for batch in batches:
            pending.append(pool.submit(_encode, batch))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    try:
        yield encode
    except BrokenProcessPool:
        raise UserError(
            f"one of {workers} processes that encode text was killed, most likely for want of memory; "
            "set shards.workers lower"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_encoder: TextEncoder


def _start(artifact: Path) -> None:
    global _encoder
    # One thread each: `tokenizers` scales over processes, not over threads.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _encoder = TextEncoder(artifact)


def _start_worker(artifact: Path) -> None:
    # Ctrl-C is for the parent; a parent that was killed cannot tell its workers to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()
    _start(artifact)


def _encode(texts: list[str]) -> Encoded:
    documents = _encoder.encode_batch(texts)
    lengths = np.array([len(ids) + 1 for ids in documents])
    ends = np.cumsum(lengths)
    stream = np.full(ends[-1], _encoder.eos_id, dtype=np.uint32)
    for end in reversed(ends):
        ids = documents.pop()
        stream[end - 1 - len(ids) : end - 1] = ids
    return stream, lengths, sum(len(text.encode()) for text in texts)
