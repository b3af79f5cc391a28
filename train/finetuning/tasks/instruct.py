"""Answers in a chat, learnt from conversations."""

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.formats.rows import RowSource
from train.finetuning.chat_answers import ChatAnswers
from train.finetuning.data import Example, Splits
from train.finetuning.dialogue_rows import read_dialogues

if TYPE_CHECKING:
    from train.finetuning.base_model import BaseModel
    from train.finetuning.dialogue_training import DialogueTraining


class Instruct(ChatAnswers):
    """The loss is on what the assistant says."""

    what: ClassVar[str] = "A language model fine-tuned to answer in a chat."

    def read_examples(
        self, path: RowSource, settings: Any, unread: Counter[str] | None = None
    ) -> list[Example]:
        return list(read_dialogues(path, settings.data, Counter() if unread is None else unread))

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "DialogueTraining":
        from train.finetuning.dialogue_training import DialogueTraining

        form = self.prompt_format(base.tokenizer, self.template(settings))
        return DialogueTraining(settings, base, splits, form)


TASK = Instruct()
