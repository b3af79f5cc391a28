"""The corpora that the download stage can fetch: a module for each, which the corpus's section names.

A module has `fetch(corpus, context) -> Source`, which puts the files into `context.folder`, or records where local ones
lie, and describes them. It may have `foretell(corpus, known)`, which says before anything runs what will become of the
corpus, in a few words, or raises a `UserError`.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

from pipeline.config.corpora import SingleCorpus
from pipeline.context import Context
from pipeline.formats.source import Source
from pipeline.known import Known


class SourceModule(Protocol):
    """A module of this folder, or of a plugin."""

    @staticmethod
    def fetch(corpus: Any, context: Context) -> Source: ...


@runtime_checkable
class Foretelling(Protocol):
    """What a module may have besides."""

    @staticmethod
    def foretell(corpus: Any, known: Known) -> Iterable[str]: ...


def source_module(corpus: SingleCorpus) -> SourceModule:
    """The module that a `corpus` section names; only the chosen one's libraries are imported."""
    return corpus.load(SourceModule)


def foretell(corpus: SingleCorpus, known: Known) -> Iterator[str]:
    """What will become of a corpus, where its module says so.

    Raises:
        UserError: where it cannot be fetched as it is configured.
    """
    module = source_module(corpus)
    if isinstance(module, Foretelling):
        yield from module.foretell(corpus, known)
