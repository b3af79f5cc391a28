"""The clean stage's unit of work: a piece of the input, which one process reads and cleans by itself.

The cut depends on the input alone, so what is made of it is the same for any number of processes and machines.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data_prep.reading.cut_points import cut_points
from data_prep.reading.splits import HELD_OUT
from data_prep.reading.text_documents import section_bytes
from pipeline.formats.source import Source, SourceFile
from pipeline.store.markers import read_marker, write_marker

Parts = Mapping[str, tuple[Source, Path]]
"""The corpora by name, each with the folder of its download."""


@dataclass(frozen=True)
class Span:
    """A range of a file: bytes, or row groups of Parquet. `end` is None for the rest of it."""

    file: int
    """Its number among the source's files."""
    start: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Piece:
    """Consecutive spans of one corpus, all of the same split of its own."""

    number: int
    part: str
    split: str | None
    spans: tuple[Span, ...]
    bytes: int

    @property
    def is_held_out(self) -> bool:
        """Whether the corpus itself keeps these documents for validation or test."""
        return self.split in HELD_OUT


def plan_pieces(parts: Parts, piece_bytes: int) -> list[Piece]:
    """All of the corpora, in pieces of about `piece_bytes` as they lie on disk: large files cut where their format
    allows it, small ones together. What the corpora hold out comes first.

    Raises:
        UserError: where a file is gone, or is none of its format.
    """
    groups = [
        group
        for name, (source, folder) in parts.items()
        for group in _groups(name, source, folder, piece_bytes)
    ]
    groups.sort(key=lambda group: group.split not in HELD_OUT)
    return [replace(group, number=number) for number, group in enumerate(groups)]


def _groups(part: str, source: Source, folder: Path, piece_bytes: int) -> Iterator[Piece]:
    """The pieces of one corpus, all with the number 0."""
    spans: list[Span] = []
    size, split = 0, None
    for number, file in enumerate(source.files):
        path = source.locate(file, folder)
        for span, span_bytes in _spans(number, file, source, path, piece_bytes):
            if spans and (file.split != split or size + span_bytes > piece_bytes):
                yield Piece(0, part, split, tuple(spans), size)
                spans = []
                size = 0
            split = file.split
            spans.append(span)
            size += span_bytes
    if spans:
        yield Piece(0, part, split, tuple(spans), size)


def _spans(
    number: int, file: SourceFile, source: Source, path: Path, piece_bytes: int
) -> Iterator[tuple[Span, int]]:
    """The file's spans, each with its share of the file's bytes."""
    distance: int | None = piece_bytes
    if source.format == "text" and not file.split_documents:
        distance = section_bytes(file)  # a span is then a document
    if distance is None or file.bytes <= distance:
        yield Span(number), file.bytes
        return
    cuts = cut_points(path, source, distance)
    starts, ends = [0, *cuts], [*cuts, None]
    for start, end in zip(starts, ends, strict=True):
        yield Span(number, start, end), file.bytes // len(starts)


def save_plan(pieces: Sequence[Piece], path: Path, made: Iterable[Path]) -> None:
    """Args: made: other files of the preparation, without which the plan does not count."""
    write_marker(path, [asdict(piece) for piece in pieces], made)


def load_plan(path: Path) -> list[Piece]:
    """Raises: NotDone: where it is gone or damaged."""
    rows = read_marker(path)
    return [Piece(spans=tuple(Span(**span) for span in row.pop("spans")), **row) for row in rows]
