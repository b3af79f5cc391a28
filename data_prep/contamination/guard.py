"""What a corpus is guarded against: which evaluation texts it is compared with, and what is done about them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.contamination.benchmark_texts import benchmark_texts
from data_prep.contamination.evaluation_texts import read_evaluation_texts
from data_prep.contamination.index import EvaluationText
from data_prep.reading.pieces import Parts, Piece
from data_prep.reading.readers import CorpusReader
from data_prep.reading.splits import HELD_OUT
from pipeline.config.stages import CleanStage
from pipeline.context import Context


def guard_action(config: CleanStage, parts: Parts) -> str:
    """What to do about evaluation text in training documents: `off`, `report`, `drop` or `mask`."""
    action = config.clean.contamination.action
    brings_held_out = any(file.split in HELD_OUT for source, _ in parts.values() for file in source.files)
    if action == "off" or not (config.evaluation_files or config.compared_benchmarks or brings_held_out):
        return "off"
    if action != "auto":
        return action
    formats = {source.format for source, _ in parts.values()}
    # WikiText's articles are Wikipedia's: a dump holds them.
    wikitext = "wikitext" in formats or any(
        Path(name).name.startswith("wiki.") for name in config.evaluation_files
    )
    return "drop" if "mediawiki" in formats and wikitext else "report"


def evaluation_texts(
    config: CleanStage, context: Context, parts: Parts, pieces: Sequence[Piece]
) -> Iterator[EvaluationText]:
    """Those of the run's evaluation files, the items of its benchmarks, and those that the corpora hold out themselves.

    Raises:
        UserError: where a file is absent or of no format that is known, or a benchmark cannot be loaded.
    """
    yield from benchmark_texts(config.compared_benchmarks)
    for name in config.evaluation_files:
        for path in context.locate_files([name]):
            yield from read_evaluation_texts(path)
    for piece in pieces:
        if piece.is_held_out:
            source, folder = parts[piece.part]
            reader = CorpusReader(source, folder, int(config.clean.max_page_mb * 1e6))
            for record in reader.read_piece(piece, lambda *damage: None):  # the extract phase tells of it
                yield EvaluationText(f"{source.name} {piece.split}: {record.title or record.id}", record.text)
