"""What all tasks share that learn from preferences."""

from typing import TYPE_CHECKING, Any, ClassVar

from train.finetuning.chat_answers import ChatAnswers
from train.finetuning.data import Splits
from train.finetuning.preferences.objective import PreferenceObjective

if TYPE_CHECKING:
    from train.finetuning.base_model import BaseModel
    from train.finetuning.preferences.training import PreferenceTraining


class PreferenceTask(PreferenceObjective, ChatAnswers):
    """The model answers in a chat, as instruct's does."""

    what: ClassVar[str] = "A language model trained to answer in a chat as people prefer."

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "PreferenceTraining":
        from train.finetuning.preferences.training import PreferenceTraining

        form = self.prompt_format(base.tokenizer, self.template(settings))
        return PreferenceTraining(settings, base, splits, form, self)
