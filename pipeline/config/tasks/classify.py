"""One label per text."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import Batching, FinetuneConfig


class ClassifyConfig(FinetuneConfig):
    """One label per text, from text/label examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.classify"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")

    task: Literal["classify"] = "classify"
    """One label per text."""
