"""One label per text."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import FinetuneConfig


class ClassifyConfig(FinetuneConfig):
    """One label per text, from text/label examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.classify"

    task: Literal["classify"] = "classify"
    """One label per text."""
