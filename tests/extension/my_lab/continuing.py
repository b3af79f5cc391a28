"""The settings of a fine-tuning task."""

from typing import ClassVar, Literal

from pipeline.config.tasks import FinetuneConfig


class ContinueConfig(FinetuneConfig):
    """The second half of a text from its first."""

    implementation: ClassVar[str] = "my_lab.continuing_task"

    task: Literal["continue"] = "continue"
    text_field: str = "text"
