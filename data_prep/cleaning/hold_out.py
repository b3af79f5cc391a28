"""What a hash of the ids cannot do for a few documents: splits that are neither empty nor hold half of the text.

A hundredth of some dozen files is less than one of them. So a split that would be too short, or have too few documents,
gets further ones, or is made of the ends of long ones; and a document that is a good part of all text is trained on.
All of it depends on the documents alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from data_prep.cleaning.candidates import candidate_path, reading_candidates
from data_prep.dedup.decisions import Decisions
from data_prep.dedup.verdicts import KEEP
from data_prep.reading.pieces import Piece
from data_prep.reading.splits import HELD_OUT, hash_share
from pipeline.config.clean import CleanConfig
from pipeline.config.evaluation import FEWEST_UNITS
from pipeline.store.markers import read_marker, write_marker
from pipeline.text.counts import counted

LEAST_BYTES = 16_000
"""Of text in a split: some thousand tokens, for a figure that means something."""
LEAST_SHARE = 0.05
"""Of all text, where the corpus is so small that `LEAST_BYTES` would be more."""
LEAST_DOCUMENTS = FEWEST_UNITS
"""In a split, as far as a tenth of all goes: intervals and comparisons take documents at random."""
LEAST_END = 200
"""Bytes that the end of a document must have to be held out."""
MOST = 0.1
"""Of the documents that may be taken for a split, of the text that one of them may have, and of each document's text
that its end may be so that it is long enough."""
MOST_OF_FEW = 0.25
"""Of the documents for a split, as far as `LEAST_DOCUMENTS`; and of all text where documents are so few and short that
their ends say nothing."""


@dataclass(frozen=True)
class HeldOut:
    """Where splits are not as the hash of the documents' ids has them."""

    documents: dict[int, dict[int, str]] = field(default_factory=dict)
    """Other splits of documents, by piece and row."""
    ends: dict[str, float] = field(default_factory=dict)
    """Share of each training document's text, at its end, by split."""

    def move(self, piece: int, row: int, split: str) -> None:
        self.documents.setdefault(piece, {})[row] = split

    def describe(self) -> Iterator[str]:
        """In words, for the log."""
        moved = [split for rows in self.documents.values() for split in rows.values()]
        if back := moved.count("train"):
            stay = "stays" if back == 1 else "stay"
            yield (
                f"{back:,} of the documents to hold out {stay} in training, since a split would have more than a tenth "
                "of all text, or too few documents"
            )
        for split in HELD_OUT:
            if count := moved.count(split):
                what = counted(count, "further document is", "further documents are")
                yield f"{what} held out for {split}: the hash of the ids, which draws them, gave too few"
            if share := self.ends.get(split):
                yield (
                    f"too few documents to hold some out for {split}: the last {share:.1%} of each is, "
                    f"where that is at least {LEAST_END} bytes"
                )

    def save(self, path: Path) -> None:
        write_marker(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "HeldOut":
        values = read_marker(path)  # where numbers as keys are text
        documents = {
            int(p): {int(row): split for row, split in rows.items()}
            for p, rows in values["documents"].items()
        }
        return cls(documents, values["ends"])


@dataclass(frozen=True)
class Kept:
    """The documents of a piece that are kept."""

    piece: int
    rows: np.ndarray
    splits: np.ndarray
    sizes: np.ndarray


def hold_out(
    pieces: Sequence[Piece],
    decisions: Decisions,
    limits: Sequence[int | None],
    config: CleanConfig,
    candidates: Path,
    guarded: bool,
) -> HeldOut:
    """See that the splits that are made from the documents' ids are neither too short nor hold too much.

    Args:
        limits: documents that each piece may keep.
        candidates: folder of the pieces' candidates.
        guarded: evaluation text was taken out of the training documents; held-out ones were not compared with it, so
            none of them becomes one.
    """
    brought = {piece.split for piece in pieces if piece.is_held_out}
    fractions = {split: getattr(config, f"{split}_fraction") for split in HELD_OUT if split not in brought}
    fractions = {split: fraction for split, fraction in fractions.items() if fraction}
    most = {split: max(MOST, 2 * fraction) for split, fraction in fractions.items()}
    have, total = dict.fromkeys(fractions, 0), 0
    documents = dict.fromkeys(fractions, 0)
    large: list[tuple[int, int, str, int]] = []
    for kept in kept_documents(pieces, decisions, limits, candidates):
        total += int(kept.sizes.sum())
        for split in fractions:
            of_split = kept.splits == split
            have[split] += int(kept.sizes[of_split].sum())
            documents[split] += int(of_split.sum())
            for place in np.flatnonzero(of_split & (kept.sizes > most[split] * total)):
                large.append((kept.piece, int(kept.rows[place]), split, int(kept.sizes[place])))
    held_out = HeldOut()
    for piece, row, split, size in large:
        if size > most[split] * total and not guarded:  # of all text, now that it is known
            held_out.move(piece, row, "train")
            have[split] -= size
            documents[split] -= 1
    least = min(LEAST_BYTES, LEAST_SHARE * total)
    lacks = {
        split: _Lack(
            max(least, fractions[split] * total) - size if size < least else 0.0,
            max(LEAST_DOCUMENTS - documents[split], 0),
            size,
            documents[split],
            max(fractions[split], least / max(total, 1)),
        )
        for split, size in have.items()
    }
    if any(lack.bytes or lack.documents for lack in lacks.values()):
        train = _Training.of(kept_documents(pieces, decisions, limits, candidates), candidates)
        _fill(held_out, lacks, train)
        if held_out.ends and not guarded:
            _give_back(held_out, kept_documents(pieces, decisions, limits, candidates))
    return held_out


@dataclass(frozen=True)
class _Lack:
    """What is missing in a split."""

    bytes: float
    documents: int
    held_bytes: int
    """That it has."""
    held_documents: int
    end: float
    """The share of all text that the split should have; so much of each document's text, at its end, would fill it."""


@dataclass(frozen=True)
class _Training:
    """The training documents, in the order of their hash: the first come next to those that are held out by it."""

    places: list[tuple[int, int]]
    """Piece and row."""
    sizes: list[int]
    """Bytes."""
    documents: int
    """Those that are held out by the hash among them."""
    bytes: int
    """The same, of text."""

    @classmethod
    def of(cls, kept: Iterable[Kept], candidates: Path) -> "_Training":
        found, documents, text = list[tuple[float, int, int, int]](), 0, 0
        for of_piece in kept:
            documents += len(of_piece.rows)
            text += int(of_piece.sizes.sum())
            with reading_candidates(candidate_path(candidates, of_piece.piece)) as file:
                ids = file.read(columns=["id"]).column("id")
            for row, split, size in zip(of_piece.rows, of_piece.splits, of_piece.sizes, strict=True):
                if split == "train":
                    found.append((hash_share(ids[int(row)].as_py()), of_piece.piece, int(row), int(size)))
        found.sort()
        places = [(piece, row) for _, piece, row, _ in found]
        return cls(places, [size for *_, size in found], documents, text)

    def ends(self, share: float) -> list[int]:
        """The bytes of those ends of that share that are long enough."""
        return [end for size in self.sizes if (end := round(share * size)) >= LEAST_END]

    def fitting(self, free: Iterable[int], lack: _Lack, most: float) -> list[int]:
        """Documents for what is missing: the first of `free` until it is there, as far as the limits go.

        Args:
            most: of all text that one of them may have, and that the split may get for the number of its documents
                alone.
        """
        limit = max(int(MOST * self.documents), min(LEAST_DOCUMENTS, int(MOST_OF_FEW * self.documents)))
        room, taken, text = most * self.bytes - lack.held_bytes, list[int](), 0
        for place in free:
            enough = text >= lack.bytes
            several = len(taken) >= lack.documents
            if lack.held_documents + len(taken) >= limit or (enough and several):
                break
            size = self.sizes[place]
            if size <= most * self.bytes and (not enough or text + size <= room):
                taken.append(place)
                text += size
        return taken


def _fill(held_out: HeldOut, lacks: Mapping[str, _Lack], train: _Training) -> None:
    """Add what is missing. Where one split is made of ends the other is, too: figures of both can be compared."""
    free, taken = list(range(len(train.sizes))), dict[str, list[int]]()
    for split, lack in lacks.items():
        documents = _documents(lack, train, free)
        if isinstance(documents, float):
            held_out.ends.update({name: max(each.end, documents) for name, each in lacks.items()})
            return
        taken[split] = documents
        free = [place for place in free if place not in documents]
    for split, documents in taken.items():
        for place in documents:
            held_out.move(*train.places[place], split)


def _documents(lack: _Lack, train: _Training, free: Sequence[int]) -> list[int] | float:
    """The whole documents of `free` that fill a split, or the share of all documents whose ends make a better one."""
    enough = lack.end * train.bytes / 2

    def text(places: Iterable[int]) -> int:
        return lack.held_bytes + sum(train.sizes[place] for place in places)

    taken = train.fitting(free, lack, MOST)
    if len(taken) >= lack.documents and text(taken) >= enough:
        return taken
    for share in (lack.end, max(lack.end, MOST)):
        ends = train.ends(share)
        if len(ends) >= LEAST_DOCUMENTS and sum(ends) >= enough:
            return share
    taken, ends = train.fitting(free, lack, MOST_OF_FEW), train.ends(lack.end)
    better = lack.held_documents + len(taken) > len(ends) and text(taken) >= enough
    return taken if better or not ends else lack.end


def _give_back(held_out: HeldOut, kept: Iterable[Kept]) -> None:
    """Train on the documents that the hash holds out for a split which is made of ends: the few would outweigh them."""
    for of_piece in kept:
        for split in held_out.ends:
            for row in of_piece.rows[of_piece.splits == split]:
                held_out.move(of_piece.piece, int(row), "train")


def kept_documents(
    pieces: Sequence[Piece], decisions: Decisions, limits: Sequence[int | None], candidates: Path
) -> Iterator[Kept]:
    """Of each piece that the corpus does not hold out itself. Args: as for `hold_out`."""
    for piece, limit in zip(pieces, limits, strict=True):
        path = candidate_path(candidates, piece.number)
        if piece.is_held_out or not path.exists():
            continue
        start, end = decisions.starts[piece.number : piece.number + 2]
        rows = np.flatnonzero(np.asarray(decisions.code[start:end]) == KEEP)[:limit]
        with reading_candidates(path) as file:
            table = file.read(columns=["split", "bytes"]).take(rows)
        yield Kept(piece.number, rows, table.column("split").to_numpy(), table.column("bytes").to_numpy())


def cut_ends(text: str, shares: Mapping[str, float]) -> tuple[str, dict[str, str]]:
    """A text without its end, and that end by split: for the test the very end, for validation what stands before it.

    The cut is at a blank line where there is one near, else at a line's end, else at a space.
    """
    rest = text
    ends: dict[str, str] = {}
    for split in ("test", "validation"):
        share = shares.get(split, 0)
        if round(share * len(text.encode())) >= LEAST_END:
            length = round(share * len(text))
            cut = _cut(rest, len(rest) - length, max(len(rest) - 2 * length, 0))
            rest, ends[split] = rest[:cut].rstrip(), rest[cut:].strip()
    return rest, ends


def _cut(text: str, wanted: int, earliest: int) -> int:
    for mark in ("\n\n", "\n", " "):
        if (found := text.rfind(mark, earliest, wanted)) > 0:
            return found + len(mark)
    return wanted
