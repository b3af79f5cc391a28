"""The settings of a mixture of corpora."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.corpora.base import CorpusConfig, SingleCorpus

PartName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]


class MixtureCorpus(CorpusConfig):
    """Several corpora, cleaned, deduplicated and tokenized together; `data` says how training mixes them."""

    kind: Literal["mixture"] = "mixture"
    parts: Annotated[dict[PartName, SingleCorpus], Field(min_length=1)]
    """The corpora by name, each with a `kind` and that kind's keys: {wiki: {kind: wikipedia}, notes: {kind: files,
    paths: [notes]}}."""

    @property
    def by_part(self) -> Mapping[str, SingleCorpus]:
        return self.parts

    def problems(self) -> list[str]:
        return [f"parts.{name}.{problem}" for name, part in self.parts.items() for problem in part.problems()]
