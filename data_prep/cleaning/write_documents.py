"""The last parallel phase of cleaning: a piece's candidates, less what was decided against, to documents, and between
them the canaries."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from data_prep.cleaning.candidates import Candidate, candidate_path, read_candidates
from data_prep.cleaning.decide import DECISIONS, LIMITS, MORE_HELD_OUT, PLANTING
from data_prep.cleaning.hold_out import HeldOut, cut_ends
from data_prep.cleaning.planting import Planting
from data_prep.cleaning.tally import Tally, WrittenTally
from data_prep.dedup.cutting import cut
from data_prep.dedup.decisions import Decisions
from data_prep.dedup.units import Unit, units
from data_prep.reading.pieces import Piece
from data_prep.text.text_features import Features
from pipeline.config.clean import CleanConfig
from pipeline.formats.documents import SPLITS, DocumentFile, document_name
from pipeline.store.markers import read_marker

_BEGINNING = 200


@dataclass(frozen=True)
class PieceWriter:
    """Writes the documents of a piece; picklable, for the workers."""

    config: CleanConfig
    scratch: Path
    folder: Path
    """Where documents go, a Parquet file per split."""

    def __call__(self, piece: Piece) -> WrittenTally:
        """Write the piece's documents; gives the tally of it."""
        tally, decisions = Tally(), Decisions(self.scratch / DECISIONS).piece(piece.number)
        held_out = HeldOut.load(self.scratch / MORE_HELD_OUT)
        moved = held_out.documents.get(piece.number, {})
        planted = Planting.load(self.scratch / PLANTING).of_piece(piece.number)
        limit, kept = read_marker(self.scratch / LIMITS)[piece.number], 0
        candidates = read_candidates(candidate_path(self.scratch / "extract", piece.number))
        with ExitStack() as stack:
            files = {
                split: stack.enter_context(DocumentFile(path))
                for split, path in zip(SPLITS, self.made(piece), strict=True)
            }
            for row, candidate in enumerate(candidates):
                tally.documents += 1
                if row in planted:
                    files["train"].write(planted[row])
                    tally.plant(planted[row])
                reason = decisions.reasons[row]
                if reason is None and kept == limit:
                    reason = "beyond_max_documents"
                kept += reason is None
                if reason is None and row in decisions.repeated:
                    candidate, reason = self._without(candidate, decisions.repeated[row], tally)
                document, raw_bytes = candidate.document, candidate.raw_bytes
                if reason is not None:
                    name = document.title or document.id
                    tally.funnel.drop(reason, raw_bytes, name, document.text[:_BEGINNING])
                    continue
                candidate = replace(candidate, split=moved.get(row, candidate.split))
                candidate, *ends = _divide(candidate, held_out.ends)
                files[candidate.split].write(candidate.document)
                tags = candidate.tags | ({"parts": piece.part} if piece.part else {})
                tally.funnel.keep(candidate.split, raw_bytes, candidate.counts, candidate.original, tags)
                for end in ends:
                    files[end.split].write(end.document)
                    tally.funnel.keep_end(end.split, end.counts)
        return tally.to_json()

    def made(self, piece: Piece) -> list[Path]:
        """The piece's file of each split, which is there where it has documents."""
        return [self.folder / document_name(split, piece.number, piece.part) for split in SPLITS]

    def _without(
        self, candidate: Candidate, repeated: Mapping[str, np.ndarray], tally: Tally
    ) -> tuple[Candidate, str | None]:
        """The candidate without what stands in earlier documents, and a reason to drop it where too little is left."""
        text = candidate.document.text
        spans = {name: self._units[name].spans(text, numbers) for name, numbers in repeated.items()}
        text = cut(text, chain.from_iterable(spans.values()))
        counts = Features(text).counts()
        tally.repeated.update({name: len(found) for name, found in spans.items()})
        tally.repeated.update(bytes=candidate.counts.bytes - counts.bytes, documents=1)
        least = self.config.filters.min_chars or 1
        reason = "repeated_text" if counts.characters < least else None
        return replace(candidate, document=replace(candidate.document, text=text), counts=counts), reason

    @cached_property
    def _units(self) -> dict[str, Unit]:
        return {unit.name: unit for unit in units(self.config.deduplicate)}


def _divide(candidate: Candidate, shares: Mapping[str, float]) -> list[Candidate]:
    """A training document without its end, and what of that goes to other splits, as documents of their own."""
    document = candidate.document
    if candidate.split != "train" or candidate.original is not None:  # WikiText stays as it is published
        return [candidate]
    text, ends = cut_ends(document.text, shares)
    if not ends:
        return [candidate]
    parts = [
        ("train", document.id, text),
        *((split, f"{document.id}#{split}", end) for split, end in ends.items()),
    ]
    return [
        replace(
            candidate,
            document=replace(document, id=id, text=text),
            split=split,
            counts=Features(text).counts(),
        )
        for split, id, text in parts
    ]
