"""What is followed of a model while it is pretrained, besides its losses."""

from pathlib import PurePath
from typing import Annotated

from pydantic import BeforeValidator, NonNegativeInt, PositiveInt

from pipeline.config.base import Section
from pipeline.config.benchmarks import BenchmarkConfig, named, repeated


class ProbesConfig(Section):
    """Curves of a few benchmarks and texts. They change nothing of the training, and so are no part of its
    fingerprint."""

    every: NonNegativeInt = 0
    """Steps between them, and once more after the last step; 0 leaves them out."""
    benchmarks: Annotated[list[BenchmarkConfig], BeforeValidator(named)] = []
    """Tasks of lm-evaluation-harness, as `evaluate.benchmarks` has them, but for those that have texts written."""
    limit: PositiveInt = 100
    """Items of each task, from the first, where the task has no limit of its own."""
    texts: list[str] = []
    """Files of plain text (or jsonl, json or Parquet with a `text`), of each of which bits per byte are told."""
    text_chars: PositiveInt = 50_000
    """How much of each file is read, from its beginning, in characters."""

    @property
    def enabled(self) -> bool:
        return self.every > 0 and bool(self.benchmarks or self.texts)

    def problems(self) -> list[str]:
        found = repeated(self.benchmarks)
        names = [PurePath(text).name for text in self.texts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            found.append(
                f"texts names two files {twice[0]}, by which their curves are told apart; rename one"
            )
        if (self.benchmarks or self.texts) and not self.every:
            found.append(
                "benchmarks and texts are named, and every=0 never looks at them; say every how many steps"
            )
        if self.every and not (self.benchmarks or self.texts):
            found.append(
                f"every={self.every} has nothing to look at; name benchmarks or texts, or set it to 0"
            )
        return found
