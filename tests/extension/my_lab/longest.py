"""A stage of its own: which documents are the longest."""

from pydantic import PositiveInt

from pipeline.config.base import Section
from pipeline.stages import Stage, register


class LongestConfig(Section):
    """The stage `longest`."""

    documents: PositiveInt = 3
    """How many documents to write down."""


class LongestStage(Section):
    longest: LongestConfig


register(
    Stage(
        "longest",
        1,
        LongestStage,
        "my_lab.longest_body:run",
        ("clean",),
        "the longest has {characters:,} characters",
    ),
    longest=LongestConfig,
)
