"""The settings of FineWeb's rules."""

from typing import ClassVar

from pydantic import PositiveInt

from pipeline.config.base import Fraction
from pipeline.config.filters.base import FilterSet


class FineWeb(FilterSet):
    """Rules that FineWeb adds to those of Gopher and C4 (Penedo et al., 2024, https://arxiv.org/abs/2406.17557)."""

    name: ClassVar[str] = "fineweb"
    implementation: ClassVar[str] = "data_prep.filters.fineweb"
    order: ClassVar[int] = 3

    min_sentence_end_lines: Fraction | None = 0.12
    """Share of the lines that end a sentence; dropped at it or below."""
    max_repeated_line_chars: Fraction | None = 0.1
    """Characters in lines that stand in the document before; dropped at it or above."""
    max_short_lines: Fraction | None = 0.67
    """Share of the lines that are short; dropped at it or above."""
    short_line_chars: PositiveInt = 30
    """A line up to this long is short."""
