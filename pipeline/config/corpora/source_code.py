"""The settings of folders of source code."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.config.base import CONTENT, Fraction
from pipeline.config.corpora.base import SingleCorpus


class SourceCodeCorpus(SingleCorpus):
    """Folders of repositories, each source file a document with its programming language and licence.
    `corpus=source_code 'corpus.paths=[repositories]' 'corpus.languages=[python,c]' clean=code`"""

    implementation: ClassVar[str] = "data_prep.sources.source_code"

    kind: Literal["source_code"] = "source_code"
    paths: Annotated[list[str], CONTENT] = []
    """Folders, with all below them but what is hidden (`.git`), links to other folders followed; files and globs, too.
    No file is taken twice."""
    languages: Annotated[list[str], Field(min_length=1)] | None = None
    """Programming languages, by their tags in the package identify: `python`, `c`, `c++`, `javascript`, `ts`, …; also
    what is no code, such as `markdown` and `json`. None takes all code."""
    licenses: Annotated[list[str], Field(min_length=1)] | None = None
    """Licences that are kept, by their SPDX identifiers: `[MIT, Apache-2.0]`. Of `MIT OR GPL-3.0-only` one suffices,
    and a file of unknown licence goes. None keeps all."""
    max_line: PositiveInt | None = 1000
    """Characters. A file with a longer line is left out: it is data, or written by a program."""
    max_mean_line: PositiveFloat | None = 100
    """Characters of a line on average. This, `max_line` and `min_alphanumeric` are as in The Stack (Kocetkov et al.,
    2022)."""
    min_alphanumeric: Fraction | None = 0.25
    """Share of a file's characters that must be letters or digits."""

    @property
    def missing(self) -> str:
        return "" if self.paths else "paths=[FOLDER]"
