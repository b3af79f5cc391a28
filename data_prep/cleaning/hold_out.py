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
"""Characters of a document that its end must have to be held out."""
MOST = 0.1
"""Of the documents that may be taken for a split, and of the text that one of them may have."""


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
                    f"where that is at least {LEAST_END} characters"
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
    short = {
        split: _Lack(
            max(least, fractions[split] * total) - size if size < least else 0.0,
            max(LEAST_DOCUMENTS - documents[split], 0),
            MOST * total - size,
            max(fractions[split], min(least / max(total, 1), LEAST_SHARE)),
        )
        for split, size in have.items()
        if size < least or documents[split] < LEAST_DOCUMENTS
    }
    if short:
        train = _Training.of(kept_documents(pieces, decisions, limits, candidates), candidates)
        _fill(held_out, short, train)
        if held_out.ends and not guarded:
            _give_back(held_out, kept_documents(pieces, decisions, limits, candidates))
    return held_out


@dataclass(frozen=True)
class _Lack:
    """What is missing in a split."""

    bytes: float
    documents: int
    room: float
    """Bytes that it may get for the number of its documents alone."""
    end: float
    """Share of each document's text that would make up such a split."""


@dataclass(frozen=True)
class _Training:
    """The training documents, in the order of their hash: the first come next to those that are held out by it."""

    places: list[tuple[int, int]]
    """Piece and row."""
    sizes: list[int]
    """Bytes."""
    characters: list[int]

    @classmethod
    def of(cls, kept: Iterable[Kept], candidates: Path) -> "_Training":
        found = []
        for of_piece in kept:
            with reading_candidates(candidate_path(candidates, of_piece.piece)) as file:
                ids, characters = file.read(columns=["id", "characters"]).columns
            for row, split, size in zip(of_piece.rows, of_piece.splits, of_piece.sizes, strict=True):
                if split == "train":
                    share, length = hash_share(ids[int(row)].as_py()), characters[int(row)].as_py()
                    found.append((share, of_piece.piece, int(row), int(size), length))
        found.sort()
        return cls(
            [(piece, row) for _, piece, row, *_ in found],
            [size for *_, size, _ in found],
            [length for *_, length in found],
        )

    def ends(self, share: float) -> int:
        """How many have an end of that share that is long enough, at most."""
        return sum(round(share * length) >= LEAST_END for length in self.characters)


def _fill(held_out: HeldOut, short: Mapping[str, _Lack], train: _Training) -> None:
    """Add what is missing, by split in `short`."""
    total, most = sum(train.sizes), int(MOST * len(train.sizes))
    fitting = [place for place, size in enumerate(train.sizes) if size <= MOST * total]
    for split, lack in short.items():
        sizes = np.cumsum([train.sizes[place] for place in fitting[:most]])
        several = min(lack.documents, int(np.searchsorted(sizes, lack.room, side="right")))
        count = max(int(np.searchsorted(sizes, lack.bytes)) + 1 if lack.bytes else 0, several)
        ends = train.ends(lack.end)
        if count > len(sizes) > 1 and sizes[-1] > lack.bytes / 2 and ends < min(LEAST_DOCUMENTS, len(sizes)):
            count = len(sizes)  # more documents say more than the ends of fewer, one of which has no interval
        if count > len(sizes) or count < lack.documents <= ends:
            held_out.ends[split] = lack.end
        else:
            for place in fitting[:count]:
                held_out.move(*train.places[place], split)
            fitting = fitting[count:]


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
        length = round(shares.get(split, 0) * len(text))
        if length >= LEAST_END:
            cut = _cut(rest, len(rest) - length, max(len(rest) - 2 * length, 0))
            rest, ends[split] = rest[:cut].rstrip(), rest[cut:].strip()
    return rest, ends


def _cut(text: str, wanted: int, earliest: int) -> int:
    for mark in ("\n\n", "\n", " "):
        if (found := text.rfind(mark, earliest, wanted)) > 0:
            return found + len(mark)
    return wanted
