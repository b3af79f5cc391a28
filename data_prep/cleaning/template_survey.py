"""What the templates of a corpus's dumps show, learned from the dumps themselves.

Dumps hold the templates that their articles use. A parallel phase writes down what each says by itself; what they say
of each other is then resolved in one place.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data_prep.cleaning.template_cache import Learned
from data_prep.mediawiki.dump import Damage, iter_pages, read_site
from data_prep.mediawiki.learn_templates import TemplateLearner
from data_prep.mediawiki.namespaces import link_prefixes
from data_prep.mediawiki.template_facts import TemplateFact, read_fact
from data_prep.mediawiki.template_rules import RuleReader
from data_prep.parallel.map_pieces import PieceTally
from data_prep.reading.pieces import Parts, Piece
from pipeline.store import durable

_NAMESPACE = 10
_MOST_BYTES = 1 << 20
"""Of a template's page; a longer one is data."""


@dataclass(frozen=True)
class TemplateSurveyor:
    """Writes down what each template of a piece says by itself; picklable, for the workers.

    Raises:
        UserError: where a file was changed meanwhile.
    """

    parts: Parts
    folder: Path

    def __call__(self, piece: Piece) -> PieceTally:
        source, folder = self.parts[piece.part]
        path = facts_path(self.folder, piece.number)
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        count = 0
        with scratch.open("w", encoding="utf-8") as file:
            for span in piece.spans:
                for key, fact in _facts(source.locate(source.files[span.file], folder), span.start, span.end):
                    file.write(json.dumps([key, asdict(fact)], ensure_ascii=False) + "\n")
                    count += 1
                # Rules are kept under the hash of what was described, and must be learned of nothing else.
                source.check_unchanged(source.files[span.file], folder)
        durable.replace(scratch, path)
        return {"documents": count}

    def made(self, piece: Piece) -> list[Path]:
        """The piece's facts."""
        return [facts_path(self.folder, piece.number)]


def _facts(path: Path, start: int, end: int | None) -> Iterator[tuple[str, TemplateFact]]:
    site = read_site(path)
    reader = RuleReader(link_prefixes(site))

    def ignore(damage: Damage) -> None:
        """It is told when the articles are read."""

    for page in iter_pages(
        path, start=start, end=end, on_damage=ignore, max_page=_MOST_BYTES, namespace=_NAMESPACE
    ):
        if page.model == "wikitext":
            yield site.key, read_fact(page, reader)


def facts_path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.jsonl"


def dump_pieces(parts: Parts, pieces: Sequence[Piece]) -> list[Piece]:
    """Those that may hold templates."""
    return [piece for piece in pieces if parts[piece.part][0].format == "mediawiki"]


def learn_rules(folder: Path, pieces: Sequence[Piece]) -> Learned:
    """The rules of each wiki, as JSON, from what was written down of the pieces."""
    learners: dict[str, TemplateLearner] = {}
    for piece in pieces:
        with facts_path(folder, piece.number).open(encoding="utf-8") as lines:
            for line in lines:
                key, fact = json.loads(line)
                learners.setdefault(key, TemplateLearner()).add(TemplateFact(**fact))
    return {
        key: {"rules": learner.rules(), "disambiguations": learner.disambiguations()}
        for key, learner in learners.items()
    }
