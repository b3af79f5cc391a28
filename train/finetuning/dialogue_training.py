"""Training of a model that chats, on conversations and texts."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pipeline.config.tasks.instruct import InstructConfig
from train.finetuning.base_model import BaseModel
from train.finetuning.chat import ChatFormat
from train.finetuning.data import Example, Splits
from train.finetuning.dialogue import Dialogue, PlainText, with_row
from train.finetuning.dialogue_ids import DialogueExamples, encode_dialogues
from train.finetuning.facts import TestRow
from train.finetuning.text_training import TextTraining


class DialogueTraining(TextTraining[DialogueExamples]):
    """The loss is on what the assistant says, and on texts."""

    advice: ClassVar[dict[str, str]] = {
        **TextTraining.advice,
        "cut_turns": "{}: the conversation is too long for the model's context and lost its first turns",
        "cut_prompts": "{}: the last question, with what the system says, is too long for the model's context and lost "
        "its middle",
    }
    shortened: ClassVar[frozenset[str]] = TextTraining.shortened | {"cut_turns"}

    def __init__(self, settings: InstructConfig, base: BaseModel, splits: Splits, form: ChatFormat):
        self._chat, self._every = form, settings.loss_on == "all"
        super().__init__(settings, base, splits, form)

    def encode(self, examples: list[Example]) -> DialogueExamples:
        dialogues = cast(list[Dialogue | PlainText], examples)  # as the task reads them
        return encode_dialogues(dialogues, self._chat, self.length, self._every)

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        """With how the prompt is to be written."""
        return [row | with_row(e) for row, e in zip(super().rows(examples), examples, strict=True)]

    def counts(self) -> dict[str, int]:
        return super().counts() | {"cut_turns": self.train.cut_turns}
