"""What all corpora have in common."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pipeline.config.choices import Choice


class CorpusConfig(Choice):
    """Where the text comes from."""

    tag: ClassVar[str] = "kind"

    @property
    def by_part(self) -> Mapping[str, "SingleCorpus"]:
        """The corpora that it consists of, by their names in `parts`."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it consists of")

    def may_hold_wikipedia(self) -> bool:
        """Whether a MediaWiki dump is in the corpus, as far as the configuration tells."""
        return any(corpus.may_hold_wikipedia() for corpus in self.by_part.values())

    def may_hold_out(self, split: Literal["validation", "test"]) -> bool:
        """Whether the corpus may bring such a split itself, as far as the configuration tells."""
        return any(corpus.may_hold_out(split) for corpus in self.by_part.values())


class SingleCorpus(CorpusConfig):
    """A corpus from one source, which may also be a part of a mixture.

    Its `implementation` is a module as `data_prep/sources/` has them.
    """

    tag: ClassVar[str] = "kind"  # of a field that takes any corpus but a mixture

    @property
    def by_part(self) -> Mapping[str, "SingleCorpus"]:
        """Only itself, without a name."""
        return {"": self}

    @property
    def missing(self) -> str:
        """The key that still needs a value before it can be read, with an example; nothing where it is complete."""
        return ""

    def may_hold_wikipedia(self) -> bool:
        return False

    def may_hold_out(self, split: Literal["validation", "test"]) -> bool:
        return False
