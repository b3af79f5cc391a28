"""Where canaries are planted: before which documents of the training split they stand, drawn from a seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from data_prep.cleaning.hold_out import HeldOut, kept_documents
from data_prep.dedup.decisions import Decisions
from data_prep.reading.pieces import Piece
from pipeline.config.clean import CanariesConfig
from pipeline.errors import UserError
from pipeline.formats.canaries import Canary, draw_canaries
from pipeline.formats.documents import Document
from pipeline.store.markers import read_marker, write_marker
from pipeline.text.counts import counted

SOURCE = "canary"
"""Of planted documents."""


def canaries_of(config: CanariesConfig) -> list[Canary]:
    """Those that are planted, and those that are not, for comparison; none unless asked for."""
    return draw_canaries(config.format, config.count, config.repeats, config.seed) if config.count else []


@dataclass(frozen=True)
class Planting:
    """Which documents stand before a candidate. All are spread at random over the training documents, no two before the
    same one: side by side a model could copy the second from the first."""

    places: dict[int, dict[int, tuple[str, str]]] = field(default_factory=dict)
    """By piece and row: id and text."""

    def of_piece(self, piece: int) -> Mapping[int, Document]:
        """A piece's planted documents, by the row of the candidate that they stand before."""
        rows = self.places.get(piece, {})
        return {row: Document(id, text, source=SOURCE) for row, (id, text) in rows.items()}

    def save(self, path: Path) -> None:
        write_marker(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Planting":
        places = read_marker(path)["places"]  # where numbers as keys are text
        return cls(
            {int(piece): {int(row): each for row, each in rows.items()} for piece, rows in places.items()}
        )


def plan_planting(
    pieces: Sequence[Piece],
    decisions: Decisions,
    limits: Sequence[int | None],
    held_out: HeldOut,
    config: CanariesConfig,
    candidates: Path,
) -> Planting:
    """Draw a place for each planted document.

    Args:
        limits, candidates: as for `hold_out`.

    Raises:
        UserError: where there are more of them than training documents.
    """
    copies = [
        (f"{canary.id}#{copy}", canary.text)
        for canary in canaries_of(config)
        for copy in range(1, canary.repeats + 1)
    ]
    if not copies:
        return Planting()
    sizes = {
        piece: len(rows) for piece, rows in _training_rows(pieces, decisions, limits, held_out, candidates)
    }
    total = sum(sizes.values())
    if len(copies) > total:
        raise UserError(
            f"clean.canaries plants {counted(len(copies), 'document')}, each before another one, and the corpus has "
            f"{counted(total, 'training document')}; lower clean.canaries.count or its repeats, or bring more documents"
        )
    drawn = np.random.default_rng(config.seed).choice(total, len(copies), replace=False)
    order = np.argsort(drawn)
    planting, first = Planting(), 0
    for piece, rows in _training_rows(pieces, decisions, limits, held_out, candidates):
        start, stop = np.searchsorted(drawn[order], [first, first + sizes[piece]])
        for place in order[start:stop].tolist():
            planting.places.setdefault(piece, {})[int(rows[drawn[place] - first])] = copies[place]
        first += sizes[piece]
    return planting


def _training_rows(
    pieces: Sequence[Piece],
    decisions: Decisions,
    limits: Sequence[int | None],
    held_out: HeldOut,
    candidates: Path,
) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of each piece's training documents, int64."""
    for kept in kept_documents(pieces, decisions, limits, candidates):
        moved = held_out.documents.get(kept.piece, {})
        splits = [moved.get(row, split) for row, split in zip(kept.rows.tolist(), kept.splits, strict=True)]
        yield kept.piece, kept.rows[np.array([split == "train" for split in splits], bool)]
