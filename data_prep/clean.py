"""The clean stage: raw corpus to documents in Parquet, split, with an account of what was dropped and why."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from data_prep.deduplicate import Deduplicator
from data_prep.document_processor import DocumentProcessor, Outcome
from data_prep.filters import RULES
from data_prep.funnel import Funnel
from data_prep.parallel import ordered_map
from data_prep.readers import Record, read_records
from data_prep.splits import HELD_OUT, assign_split
from pipeline.config.stages import CleanStage
from pipeline.context import Context
from pipeline.documents import SPLITS, DocumentWriter
from pipeline.errors import UserError
from pipeline.machine import usable_cores
from pipeline.progress import progress
from pipeline.source import Source, total_bytes

DOCUMENTS_FOLDER = "documents"
STATS_FILE = "stats.json"
_BYTES_PER_WORKER = 4_000_000
"""Starting a worker takes about as long as cleaning this much."""
_BATCH_CHARACTERS = 1_000_000
_BATCH_RECORDS = 256


def run(config: CleanStage, context: Context) -> dict[str, Any]:
    """Clean the downloaded corpus into `documents/<split>-*.parquet` and `stats.json`.

    The documents do not depend on the number of workers, byte for byte. Memory is flat but for deduplication,
    which remembers 16 bytes of each document (about 110 as Python holds them).

    Raises:
        UserError: where the corpus is damaged or empty, or no training document is left.
    """
    clean, download = config.clean, context.inputs["download"]
    source = Source.load(download)
    if clean.detokenize and source.format != "wikitext":
        raise UserError(
            f"clean.detokenize=true undoes WikiText's tokenization, but {source.name} is no WikiText; "
            "set it to false"
        )
    size = total_bytes(source.files)
    workers = clean.workers or min(usable_cores(), 1 + size // _BYTES_PER_WORKER)
    documents = context.folder / DOCUMENTS_FOLDER
    shutil.rmtree(documents, ignore_errors=True)  # what a killed run left
    processor = DocumentProcessor(clean, source.format)
    with progress("clean", size, "MB", scale=1e6, enabled=context.run.progress) as bar:
        batches = _batches(read_records(source, download, workers, bar.advance))
        with closing(ordered_map(processor, batches, workers, "clean.workers")) as results:
            outcomes = (outcome for batch in results for outcome in batch)
            funnel = _collect(outcomes, processor, source, documents)
    for line in funnel.lines():
        context.log.info("%s", line)
    _check_not_empty(funnel, source)
    _write_stats(funnel, source, context.folder / STATS_FILE)
    context.tracker.table("funnel", ["step", "documents", "megabytes"], list(funnel.rows()))
    context.tracker.table("dropped_examples", ["reason", "title", "beginning"], sorted(funnel.examples))
    for split in HELD_OUT:
        share = getattr(clean, f"{split}_fraction")
        if share and not funnel.documents(split):
            context.log.warning("no document fell into the %s split; raise clean.%s_fraction", split, split)
    return _metrics(funnel)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records grouped so that sending them to a worker costs little and holds little memory."""
    batch: list[Record] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += len(record.text)
        if characters >= _BATCH_CHARACTERS or len(batch) >= _BATCH_RECORDS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _collect(
    outcomes: Iterable[Outcome], processor: DocumentProcessor, source: Source, folder: Path
) -> Funnel:
    """What needs sight of all documents, in order: deduplication, the splits, writing."""
    config = processor.config
    funnel, deduplicator = Funnel(), Deduplicator()
    brought = {file.split for file in source.files if file.split}
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(DocumentWriter(folder, split, config.piece_mb)) for split in SPLITS
        }
        counted = 0
        for outcome in outcomes:
            reason = outcome.reason
            if reason is None and config.deduplicate.documents != "none":
                if processor.is_filtered(outcome.split):
                    reason = deduplicator.reason(outcome.digest)
                else:
                    deduplicator.hold_out(outcome.digest)
            if reason is not None:
                funnel.drop(outcome, reason)
                continue
            split = assign_split(
                outcome.id, outcome.split, brought, config.validation_fraction, config.test_fraction
            )
            writers[split].write(outcome.document)
            funnel.keep(outcome, split)
            counted += outcome.split not in HELD_OUT
            if counted == config.max_documents:
                break
    return funnel


def _check_not_empty(funnel: Funnel, source: Source) -> None:
    if funnel.documents("train"):
        return
    if not funnel.read:
        paths = ", ".join(file.path for file in source.files[:3])
        raise UserError(f"empty corpus: no document in {paths}{', …' if len(source.files) > 3 else ''}")
    if funnel.kept:
        advice = "lower clean.validation_fraction and clean.test_fraction, or bring more documents"
    else:
        reason = funnel.most_frequent_reason()
        option = next((rule.option for rule in RULES if rule.reason == reason), None)
        advice = _ADVICE.get(reason) or f"loosen clean.filters.{option}, or set it to null"
    table = "\n".join(f"  {line}" for line in funnel.lines())
    raise UserError(f"no document is left to train on:\n{table}\n{advice[0].upper()}{advice[1:]}.")


_ADVICE = {
    "namespace": "choose clean.namespaces that the dump has",
    "redirect": "this dump holds redirects; choose one with articles",
    "disambiguation": "set clean.keep_disambiguations=true",
    "empty": "check that corpus.text_field names the text",
    "duplicate_of_held_out": "every training document is held out too; check the files of the splits",
}


def _write_stats(funnel: Funnel, source: Source, path: Path) -> None:
    stats = {**funnel.stats(), "source": _facts(source)}
    path.write_text(json.dumps(stats, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _facts(source: Source) -> dict[str, Any]:
    """What a data card says of where the text comes from."""
    files = [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in source.files]
    names = ("name", "format", "license", "attribution", "url", "date")
    return {**{name: getattr(source, name) for name in names}, "files": files}


def _metrics(funnel: Funnel) -> dict[str, Any]:
    total = funnel.total
    return {
        "documents": funnel.kept,
        "megabytes": total.bytes / 1e6,
        "characters": total.characters,
        "words": total.words,
        "documents_read": funnel.read,
        "dropped_fraction": 1 - funnel.kept / funnel.read,
        **{f"{split}_documents": funnel.documents(split) for split in SPLITS},
    }
