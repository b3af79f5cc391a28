"""Which evaluation texts stand in the corpus, and where, for a person to look at."""

from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from data_prep.contamination.index import Overlap

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Example:
    """A document that holds evaluation text."""

    document: str
    ngrams: int
    share: float
    excerpt: str


class FoundText(TypedDict):
    """An evaluation text that stands in the corpus, as JSON."""

    text: str
    """Its name."""
    documents: int
    examples: list[dict[str, Any]]
    """`Example`s, those that hold most of it."""


class Report(TypedDict):
    """A `ContaminationReport` as JSON."""

    documents: int
    texts: list[FoundText]


class ContaminationReport:
    """Counts of the documents that hold each evaluation text, with a few examples."""

    def __init__(self) -> None:
        self.documents = 0
        """Those with an overlap."""
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[Example]] = {}

    def add(self, document: str, overlap: Overlap) -> None:
        """Args: document: its title or id."""
        self.documents += 1
        for match in overlap.matches:
            self._counts[match.name] = self._counts.get(match.name, 0) + 1
            self._keep(match.name, [Example(document, match.ngrams, match.share, match.excerpt)])

    def merge(self, values: Report) -> None:
        """Take in the report of other documents, as `to_json` gave it."""
        self.documents += values["documents"]
        for row in values["texts"]:
            name = row["text"]
            self._counts[name] = self._counts.get(name, 0) + row["documents"]
            self._keep(name, [Example(**example) for example in row["examples"]])

    def to_json(self) -> Report:
        return {"documents": self.documents, "texts": self.rows()}

    def _keep(self, name: str, more: list[Example]) -> None:
        examples = [*self._examples.get(name, ()), *more]
        self._examples[name] = sorted(examples, key=lambda example: -example.share)[:MOST_EXAMPLES]

    def rows(self) -> list[FoundText]:
        """The evaluation texts that were found; what the most documents hold comes first."""
        names = sorted(self._counts, key=lambda name: (-self._counts[name], name))
        return [
            {
                "text": name,
                "documents": self._counts[name],
                "examples": [asdict(example) for example in self._examples[name]],
            }
            for name in names
        ]
