"""What a cleaning tallies: what came in, what was dropped and why, what stayed. Tallies of pieces add up."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any, TypedDict

from data_prep.text.text_features import TextCounts
from pipeline.formats.documents import SPLITS
from pipeline.text.counts import counted
from pipeline.text.sizes import sizes_in_words

COUNTS = tuple(field.name for field in fields(TextCounts))
_EXAMPLES = 5


Counts = Mapping[str, int]


class FunnelCounts(TypedDict):
    """A `Funnel` as JSON."""

    read: Counts
    dropped: Mapping[str, Counts]
    """By reason."""
    kept_raw_bytes: int
    ends: int
    splits: Mapping[str, Counts]
    invalid: Counts
    tags: Mapping[str, Counts]
    examples: list[list[str]]


class Funnel:
    """Counts documents and bytes; in = dropped + kept, for both, held-out ends of documents aside."""

    def __init__(self) -> None:
        self._read: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = defaultdict(Counter)
        self._kept_raw_bytes = 0
        self._splits: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
        self._ends = 0
        self._invalid: Counter[str] = Counter()
        self._tags: dict[str, Counter[str]] = defaultdict(Counter)
        self.examples: list[list[str]] = []
        """Some dropped documents per reason: reason, title or id, beginning."""

    def read(self, raw_bytes: int, invalid: int) -> None:
        """A document came in; `invalid` of its characters stand for bytes that were not UTF-8."""
        self._read.update(documents=1, bytes=raw_bytes)
        if invalid:
            self._invalid.update(documents=1, characters=invalid)

    def drop(self, reason: str, raw_bytes: int, name: str, beginning: str) -> None:
        self._dropped[reason].update(documents=1, bytes=raw_bytes)
        if self._dropped[reason]["documents"] <= _EXAMPLES:
            self.examples.append([reason, name, beginning])

    def keep(
        self,
        split: str,
        raw_bytes: int,
        counts: TextCounts,
        original: TextCounts | None,
        tags: Mapping[str, str],
    ) -> None:
        """Args: original: of WikiText's own form; tags: such as its language, counted over all that is kept."""
        self._kept_raw_bytes += raw_bytes
        self._splits[split].update(documents=1, **asdict(counts))
        if original is not None:
            self._splits[split].update(original_words=original.words, original_lines=original.lines)
        for name, value in tags.items():
            self._tags[name][value] += 1

    def keep_end(self, split: str, counts: TextCounts) -> None:
        """The end of a document that is kept became a document of another split."""
        self._ends += 1
        self._splits[split].update(documents=1, **asdict(counts))

    def add(self, other: "Funnel") -> None:
        """Take in the tally of the piece that follows."""
        self._read.update(other._read)
        self._kept_raw_bytes += other._kept_raw_bytes
        self._ends += other._ends
        self._invalid.update(other._invalid)
        for ours, theirs in ((self._splits, other._splits), (self._tags, other._tags)):
            for name, counts in theirs.items():
                ours[name].update(counts)
        for reason, name, beginning in other.examples:
            if sum(example[0] == reason for example in self.examples) < _EXAMPLES:
                self.examples.append([reason, name, beginning])
        for reason, counts in other._dropped.items():
            self._dropped[reason].update(counts)

    def to_json(self) -> FunnelCounts:
        return {
            "read": self._read,
            "dropped": self._dropped,
            "kept_raw_bytes": self._kept_raw_bytes,
            "ends": self._ends,
            "splits": self._splits,
            "invalid": self._invalid,
            "tags": self._tags,
            "examples": self.examples,
        }

    @classmethod
    def from_json(cls, values: FunnelCounts) -> "Funnel":
        funnel = cls()
        funnel._read.update(values["read"])
        funnel._invalid.update(values["invalid"])
        funnel._kept_raw_bytes = values["kept_raw_bytes"]
        funnel._ends = values["ends"]
        for ours, theirs in (
            (funnel._dropped, values["dropped"]),
            (funnel._splits, values["splits"]),
            (funnel._tags, values["tags"]),
        ):
            for key, counts in theirs.items():
                ours[key].update(counts)
        funnel.examples = values["examples"]
        return funnel

    @property
    def documents_read(self) -> int:
        return self._read["documents"]

    @property
    def kept(self) -> int:
        """Documents of all splits, held-out ends of documents among them."""
        return sum(counts["documents"] for counts in self._splits.values())

    @property
    def all_dropped(self) -> Counter[str]:
        """Documents and bytes dropped, for whatever reason."""
        return sum(self._dropped.values(), Counter())

    @property
    def ends(self) -> int:
        """Held-out documents that are ends of kept ones."""
        return self._ends

    def documents(self, split: str) -> int:
        return self._splits[split]["documents"]

    def split_bytes(self, split: str) -> int:
        """Of the text kept."""
        return self._splits[split]["bytes"]

    def dropped(self, reason: str | None) -> int:
        """Documents dropped for a reason; 0 for one that there is not."""
        return self._dropped[reason]["documents"] if reason in self._dropped else 0

    def tagged(self, name: str, value: str) -> int:
        """Documents kept that bear a tag."""
        return self._tags[name][value] if name in self._tags else 0

    def most_frequent_reason(self) -> str | None:
        return max(self._dropped, key=lambda reason: self._dropped[reason]["documents"], default=None)

    @property
    def total(self) -> TextCounts:
        """Of all that was kept."""
        return TextCounts(*(sum(counts[name] for counts in self._splits.values()) for name in COUNTS))

    def stats(self) -> dict[str, Any]:
        """The tally as `stats.json` has it."""
        return {
            "read": {name: self._read[name] for name in ("documents", "bytes")},
            "dropped": {reason: dict(counts) for reason, counts in sorted(self._dropped.items())},
            "kept": {"documents": self.kept, "bytes": self.total.bytes, "raw_bytes": self._kept_raw_bytes},
            "held_out_ends": self._ends,
            "splits": {
                split: {name: counts[name] for name in ("documents", *COUNTS)} | dict(counts)
                for split, counts in self._splits.items()
            },
            "invalid_utf8": {name: self._invalid[name] for name in ("documents", "characters")},
            **{name: dict(counts.most_common()) for name, counts in sorted(self._tags.items())},
        }

    def by_frequency(self) -> list[tuple[str, Counter[str]]]:
        """Reasons, each with documents and bytes, the most frequent first."""
        return sorted(self._dropped.items(), key=lambda item: (-item[1]["documents"], item[0]))

    @property
    def all_read(self) -> Counter[str]:
        """Documents and bytes that came in."""
        return self._read

    def rows(self) -> Iterator[tuple[str, int, float]]:
        """Step, documents, megabytes: read, dropped (the most frequent reason first), kept per split."""
        yield "read", self._read["documents"], self._read["bytes"] / 1e6
        for reason, counts in self.by_frequency():
            yield f"dropped: {reason}", counts["documents"], counts["bytes"] / 1e6
        for split, counts in self._splits.items():
            yield f"kept: {split}", counts["documents"], counts["bytes"] / 1e6

    def lines(self) -> Iterator[str]:
        """The rows as an aligned text table, no wider than what stands in it."""
        rows = list(self.rows())
        sizes = sizes_in_words([1e6 * megabytes for _, _, megabytes in rows])
        numbers = [counted(documents, "document").split() for _, documents, _ in rows]
        cells = [(row[0], *number, size) for row, number, size in zip(rows, numbers, sizes, strict=True)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for step, number, noun, size in cells:
            yield (f"{step:<{widths[0]}}  {number:>{widths[1]}} {noun:<{widths[2]}}  {size:>{widths[3]}}")
