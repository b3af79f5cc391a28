"""The account of a cleaning: what came in, what was dropped and why, what stayed."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from data_prep.document_processor import Outcome
from data_prep.text_features import TextCounts
from pipeline.documents import SPLITS

COUNTS = tuple(field.name for field in fields(TextCounts))
_EXAMPLES = 5


class Funnel:
    """Counts documents and bytes; in = dropped + kept, for both."""

    def __init__(self) -> None:
        self.read = self.kept = 0
        self._read_bytes = self._kept_read_bytes = 0
        self._dropped: dict[str, Counter[str]] = defaultdict(Counter)
        self._splits: dict[str, Counter[str]] = {
            split: Counter(dict.fromkeys(("documents", *COUNTS), 0)) for split in SPLITS
        }
        self._invalid: Counter[str] = Counter()
        self.examples: list[tuple[str, str, str]] = []
        """Some dropped documents per reason: reason, title or id, beginning."""

    def drop(self, outcome: Outcome, reason: str) -> None:
        self._count_read(outcome)
        dropped = self._dropped[reason]
        dropped.update(documents=1, bytes=outcome.raw_bytes)
        if dropped["documents"] <= _EXAMPLES:
            self.examples.append((reason, outcome.title or outcome.id, outcome.beginning))

    def keep(self, outcome: Outcome, split: str) -> None:
        self._count_read(outcome)
        self.kept += 1
        self._kept_read_bytes += outcome.raw_bytes
        counts = self._splits[split]
        counts["documents"] += 1
        for name in COUNTS:
            counts[name] += getattr(outcome.counts, name)
        if outcome.original is not None:
            counts["original_words"] += outcome.original.words
            counts["original_lines"] += outcome.original.lines

    def _count_read(self, outcome: Outcome) -> None:
        self.read += 1
        self._read_bytes += outcome.raw_bytes
        if outcome.invalid:
            self._invalid.update(documents=1, characters=outcome.invalid)

    def documents(self, split: str) -> int:
        return self._splits[split]["documents"]

    def most_frequent_reason(self) -> str | None:
        return max(self._dropped, key=lambda reason: self._dropped[reason]["documents"], default=None)

    @property
    def total(self) -> TextCounts:
        """Of all that was kept."""
        return TextCounts(*(sum(s[name] for s in self._splits.values()) for name in COUNTS))

    def stats(self) -> dict[str, Any]:
        return {
            "read": {"documents": self.read, "bytes": self._read_bytes},
            "dropped": {reason: dict(counts) for reason, counts in sorted(self._dropped.items())},
            "kept": {"documents": self.kept, "bytes": self.total.bytes, "raw_bytes": self._kept_read_bytes},
            "splits": {split: dict(counts) for split, counts in self._splits.items()},
            "invalid_utf8": {n: self._invalid[n] for n in ("documents", "characters")},
        }

    def rows(self) -> Iterator[tuple[str, int, float]]:
        """Step, documents, megabytes: read, dropped (the most frequent reason first), kept per split."""
        yield "read", self.read, self._read_bytes / 1e6
        for reason, counts in sorted(
            self._dropped.items(), key=lambda item: (-item[1]["documents"], item[0])
        ):
            yield f"dropped: {reason}", counts["documents"], counts["bytes"] / 1e6
        for split, counts in self._splits.items():
            yield f"kept: {split}", counts["documents"], counts["bytes"] / 1e6

    def lines(self) -> Iterator[str]:
        """The rows as an aligned text table."""
        for step, documents, megabytes in self.rows():
            yield f"{step:<32} {documents:>12,} documents {megabytes:>12,.2f} MB"
