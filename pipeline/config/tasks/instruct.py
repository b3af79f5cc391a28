"""Answers in a chat."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import FinetuneConfig


class InstructConfig(FinetuneConfig):
    """Instruction tuning: answers in a chat, from prompt/response or alpaca-style examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.instruct"

    task: Literal["instruct"] = "instruct"
    """Answers in a chat. The loss is on the response only."""
