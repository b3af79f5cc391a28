"""The settings of a filter that learns from examples."""

from typing import Annotated, ClassVar

from pipeline.config.base import CONTENT, Fraction
from pipeline.config.filters.base import FilterSet


class Quality(FilterSet):
    """Drops documents that look more like your bad examples than like your good ones. A linear classifier of words and
    pairs of words, as fastText's is (Joulin et al., 2017), learns the difference when cleaning starts.
    `clean.filters.quality={good: [good.jsonl], bad: [bad.jsonl]}`"""

    name: ClassVar[str] = "quality"
    implementation: ClassVar[str] = "data_prep.filters.quality"
    order: ClassVar[int] = 8

    good: Annotated[list[str], CONTENT] = []
    """Files, folders and globs with documents that are worth training on: text files, each one example, and rows
    (jsonl, json, csv, tsv, parquet) with the text in `text`."""
    bad: Annotated[list[str], CONTENT] = []
    """As `good`, of what is not."""
    min_score: Fraction = 0.5
    """Probability of being good, in the eyes of the classifier, below which a document is dropped."""

    def problems(self) -> list[str]:
        return [f"{name}=[] needs files with examples" for name in ("good", "bad") if not getattr(self, name)]
