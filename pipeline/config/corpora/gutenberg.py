"""The settings of books of Project Gutenberg."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.config.base import CONTENT, NEUTRAL
from pipeline.config.corpora.base import SingleCorpus


class GutenbergCorpus(SingleCorpus):
    """Books of Project Gutenberg, each a document, without what stands before and behind them in its files.
    `corpus=gutenberg 'corpus.books=[1342,84]'`"""

    implementation: ClassVar[str] = "data_prep.sources.gutenberg"

    kind: Literal["gutenberg"] = "gutenberg"
    books: list[PositiveInt] = []
    """Their numbers, as in https://www.gutenberg.org/ebooks/1342."""
    paths: Annotated[list[str], CONTENT] = []
    """Their files as plain text, where they are here already: files, folders and globs."""
    mirror: Annotated[str, Field(pattern=r"^https?://")] = "https://www.gutenberg.org"
    """Where `cache/epub/1342/pg1342.txt` is found. For hundreds of books take a mirror, as the site asks."""
    connections: Annotated[PositiveInt, Field(le=3), NEUTRAL] = 2
    retries: Annotated[NonNegativeInt, NEUTRAL] = 8
    """Attempts after one that brought nothing, with growing pauses."""

    @property
    def missing(self) -> str:
        return "" if self.books or self.paths else "books=[1342,84]"
