"""All that the clean stage has to tell of its work. Tallies of pieces add up to the corpus's."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypedDict

from data_prep.cleaning.document_processor import Outcome
from data_prep.cleaning.funnel import Funnel, FunnelCounts
from data_prep.contamination.report import ContaminationReport, Report
from data_prep.mediawiki.dump import Damage
from data_prep.parallel.map_pieces import PieceTally
from data_prep.reading.pieces import Parts
from pipeline.config.clean import CanariesConfig, CleanConfig
from pipeline.formats.canaries import CanaryFormat
from pipeline.formats.documents import Document
from pipeline.formats.source import Source

MOST_TEXTS = 100
"""Evaluation texts listed: those that stand in the most documents."""


class LostPart(TypedDict):
    """A `Damage` of a file, as JSON."""

    file: str
    offset: int
    bytes: int
    reason: str


class WrittenTally(PieceTally):
    """A `Tally` as JSON."""

    funnel: FunnelCounts
    trainable: int
    pii: Mapping[str, int]
    damage: list[LostPart]
    contamination: Report
    repeated: Mapping[str, int]
    planted: Mapping[str, int]


class Tally:
    """Counts and a few examples, of a piece or of all."""

    def __init__(self) -> None:
        self.funnel = Funnel()
        self.trainable = 0
        """Candidates that the corpus itself does not hold out."""
        self.documents = 0
        """That were looked at."""
        self.pii: Counter[str] = Counter()
        """Items of each kind, and `documents` that hold one."""
        self.damage: list[LostPart] = []
        self.contamination = ContaminationReport()
        self.repeated: Counter[str] = Counter()
        """What was taken out as repeated: `paragraphs`, `lines`, …, their `bytes`, and `documents` that held some."""
        self.planted: Counter[str] = Counter()
        """Canaries in the training split, which nothing else counts: `documents` and `bytes`."""

    def count(self, outcome: Outcome, name: str, held_out: bool) -> None:
        """Take in what became of a record."""
        self.documents += 1
        self.funnel.read(outcome.raw_bytes, outcome.invalid)
        if outcome.reason is not None:
            self.funnel.drop(outcome.reason, outcome.raw_bytes, name, outcome.beginning)
        else:
            self.trainable += not held_out
        if outcome.pii:
            self.pii.update(outcome.pii, documents=1)
        if outcome.overlap:
            self.contamination.add(name, outcome.overlap)

    def plant(self, canary: Document) -> None:
        """A canary was written."""
        self.planted.update(documents=1, bytes=len(canary.text.encode()))

    def note_damage(self, file: str, damage: Damage) -> None:
        self.damage.append(
            {"file": file, "offset": damage.offset, "bytes": damage.bytes, "reason": damage.reason}
        )

    def add(self, values: WrittenTally) -> None:
        """Take in the tally of another piece, or of another phase, as `to_json` gave it."""
        self.funnel.add(Funnel.from_json(values["funnel"]))
        self.trainable += values["trainable"]
        self.contamination.merge(values["contamination"])
        self.pii.update(values["pii"])
        self.repeated.update(values["repeated"])
        self.planted.update(values["planted"])
        self.damage += values["damage"]

    def to_json(self) -> WrittenTally:
        return {
            "funnel": self.funnel.to_json(),
            "trainable": self.trainable,
            "documents": self.documents,
            "pii": self.pii,
            "damage": self.damage,
            "contamination": self.contamination.to_json(),
            "repeated": self.repeated,
            "planted": self.planted,
        }

    def stats(self, parts: Parts, clean: CleanConfig, contamination: str) -> dict[str, Any]:
        """What `stats.json` says of the corpus.

        Args:
            contamination: what was done about evaluation text: see `DocumentProcessor`.
        """
        texts = self.contamination.rows()
        return {
            **self.funnel.stats(),
            "sources": [_facts(name, source) for name, (source, _) in parts.items()],
            "repeated_text": dict(self.repeated),
            "personal_data": {"action": clean.pii.action, **self.pii},
            "contamination": {
                "action": contamination,
                "documents": self.contamination.documents,
                "evaluation_texts": len(texts),
                "texts": texts[:MOST_TEXTS],
            },
            "damage": self.damage,
            "canaries": self._canaries(clean.canaries),
        }

    def _canaries(self, config: CanariesConfig) -> dict[str, Any]:
        """What was planted; empty where nothing was."""
        if not config.count:
            return {}
        settings = config.model_dump(mode="json")
        return {**settings, "secrets": CanaryFormat(config.format).size, **self.planted}


def _facts(part: str, source: Source) -> dict[str, Any]:
    """What a data card says of where text comes from."""
    files = [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in source.files]
    names = ("name", "format", "license", "attribution", "url", "date")
    return {"part": part, **{name: getattr(source, name) for name in names}, "files": files}
