"""One label per text."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import Batching, FinetuneConfig

Pooling = Literal["first", "last", "mean"]


class ClassifyConfig(FinetuneConfig):
    """One label per text, from text/label examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.classify"
    batchings: ClassVar[tuple[Batching, ...]] = ("padded", "by_length", "packed")

    task: Literal["classify"] = "classify"
    """One label per text."""
    pooling: Pooling | None = None
    """Which hidden states the label is made from: those of the `first` token ([CLS], where the tokenizer has one) or of
    the `last`, or the `mean` of all. None takes the last where a model reads from left to right, the first where it
    reads both sides, and the mean where it is an encoder and decoder."""
