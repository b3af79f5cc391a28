"""The settings of Gopher's rules on quality."""

from typing import ClassVar

from pydantic import PositiveFloat, PositiveInt

from pipeline.config.base import Fraction
from pipeline.config.filters.base import FilterSet, crossed


class GopherQuality(FilterSet):
    """Quality rules of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, appendix A.1)."""

    name: ClassVar[str] = "gopher_quality"
    implementation: ClassVar[str] = "data_prep.filters.gopher_quality"
    order: ClassVar[int] = 1

    min_words: PositiveInt | None = 50
    max_words: PositiveInt | None = 100_000
    min_mean_word_length: PositiveFloat | None = 3.0
    """Characters per word. Made for English; not asked of scripts without spaces."""
    max_mean_word_length: PositiveFloat | None = 10.0
    """Made for English; agglutinative languages come close to it."""
    max_symbols_per_word: PositiveFloat | None = 0.1
    """`#`, or ellipses, per word; each alone."""
    max_bullet_lines: Fraction | None = 0.9
    """Share of the lines that begin with a bullet."""
    max_ellipsis_lines: Fraction | None = 0.3
    """Share of the lines that end in an ellipsis."""
    min_alpha_words: Fraction | None = 0.8
    """Share of the words that hold a letter."""
    min_stop_words: PositiveInt | None = 2
    """Different ones of: the, be, to, of, and, that, have, with. English only: set to null for other languages."""

    def problems(self) -> list[str]:
        return crossed(self, "words", "mean_word_length")
