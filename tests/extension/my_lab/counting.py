"""The settings of a corpus."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.corpora import SingleCorpus


class CountingCorpus(SingleCorpus):
    """Documents that count in words."""

    implementation: ClassVar[str] = "my_lab.counting_source"

    kind: Literal["counting"] = "counting"
    documents: PositiveInt = 20
    numbers: PositiveInt = 60
    """Numbers in each document."""
