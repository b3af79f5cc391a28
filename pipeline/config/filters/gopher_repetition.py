"""The settings of Gopher's rules on repetition."""

from typing import ClassVar

from pipeline.config.base import Fraction
from pipeline.config.filters.base import FilterSet


class GopherRepetition(FilterSet):
    """Repetition rules of Gopher (Rae et al., 2021, table A1). What comes a second time, or more often, is repeated.

    Ratios of characters are of those that are not white space.
    """

    name: ClassVar[str] = "gopher_repetition"
    implementation: ClassVar[str] = "data_prep.filters.gopher_repetition"
    order: ClassVar[int] = 9

    max_repeated_lines: Fraction | None = 0.30
    """Share of the lines."""
    max_repeated_paragraphs: Fraction | None = 0.30
    """Share of the paragraphs, which blank lines separate."""
    max_repeated_line_chars: Fraction | None = 0.20
    max_repeated_paragraph_chars: Fraction | None = 0.20
    max_top_2_gram_chars: Fraction | None = 0.20
    """Characters in the most frequent pair of words."""
    max_top_3_gram_chars: Fraction | None = 0.18
    max_top_4_gram_chars: Fraction | None = 0.16
    max_repeated_5_gram_chars: Fraction | None = 0.15
    """Characters in any repeated 5 words in a row, each counted once."""
    max_repeated_6_gram_chars: Fraction | None = 0.14
    max_repeated_7_gram_chars: Fraction | None = 0.13
    max_repeated_8_gram_chars: Fraction | None = 0.12
    max_repeated_9_gram_chars: Fraction | None = 0.11
    max_repeated_10_gram_chars: Fraction | None = 0.10
