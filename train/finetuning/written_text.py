"""What all tasks share whose model writes a response to a prompt."""

import json
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.config.models.base import READINGS, ModelConfig, Reading
from pipeline.errors import UserError
from train.finetuning.conversation import said
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.framed_prompts import Frame, find_frame
from train.finetuning.task import FinetuningTask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from train.exporting.trained_model import TrainedModel
    from train.finetuning.base_model import BaseModel
    from train.finetuning.chat import PromptFormat
    from train.finetuning.text_training import TextTraining


class WrittenText(FinetuningTask):
    """The model writes a response to a prompt. Such a task differs from another in how both are written."""

    evaluation: ClassVar[str] = "eval.tasks.written_text"

    what: ClassVar[str]
    """What the model card calls the model, in a sentence."""
    tag: ClassVar[str]
    """The model card's tag."""
    readings: ClassVar[tuple[Reading, ...]] = ("left_to_right",)
    """How the models read that it can start from."""
    chats: ClassVar[bool] = False
    """Whether the model card shows a turn of a chat, and not a prompt."""

    @abstractmethod
    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "PromptFormat":
        """How prompt and response are written.

        Args:
            template: the setting's, in training; in evaluation, what the trained format has called its template.
        """

    def check_base(self, model: ModelConfig, name: str) -> None:
        if model.reading not in self.readings:
            wanted = " or ".join(READINGS[reading] for reading in self.readings)
            raise UserError(
                f"finetune: the task's model writes text, for which it has to be one that {wanted}, and {name} "
                f"(model.family={model.choice}) {READINGS[model.reading]}; take another model, or another task"
            )

    def trained_format(self, tokenizer: "PreTrainedTokenizerBase", facts: TaskFacts) -> "PromptFormat":
        """How the model was trained to be prompted.

        Args:
            facts: what task.json says.
        """
        return self.prompt_format(tokenizer, facts.get("template"))

    def template(self, settings: Any) -> str | None:
        """The template that the task's section sets, if it has such a setting."""
        return None

    def form_for(
        self, settings: Any, tokenizer: "PreTrainedTokenizerBase", reading: Reading
    ) -> "PromptFormat":
        """How prompt and response are written for a model that reads in such a way."""
        return self.prompt_format(tokenizer, self.template(settings))

    def describe_prompt(
        self, settings: Any, tokenizer: "Callable[[], PreTrainedTokenizerBase | None]", reading: Reading
    ) -> str:
        found = tokenizer()
        if found is None:
            return "written by the task's own template"
        from train.finetuning.chat import find_stops

        form = self.form_for(settings, found, reading)
        find_stops(form)
        return repr(form.prompt("…"))

    def describe_framed_prompts(
        self,
        settings: Any,
        splits: Splits,
        tokenizer: "Callable[[], PreTrainedTokenizerBase | None]",
        reading: Reading,
    ) -> str:
        asked = (example.prompt for example in splits.train)
        frame = find_frame([text if isinstance(text, str) else said(text[-1]) for text in asked])
        if frame is None:
            return ""
        advice = self.advice_on_frame(settings, frame, tokenizer, reading)
        found = f"{frame.around('…')!r} stands in nearly all prompts of the examples, as a template writes it"
        return advice and f"{found}, and this task's template is written around it once more: {advice}"

    def advice_on_frame(
        self,
        settings: Any,
        frame: Frame,
        tokenizer: "Callable[[], PreTrainedTokenizerBase | None]",
        reading: Reading,
    ) -> str:
        """What to do about prompts that have such a frame already; empty where the task writes none around it."""
        return ""

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "TextTraining[Any]":
        from train.finetuning.text_training import ResponseTraining

        form = self.form_for(settings, base.tokenizer, base.config.reading)
        return ResponseTraining(settings, base, splits, form)

    def trained_model(self, artifact: Path, facts: TaskFacts) -> "TrainedModel":
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import answer_a_turn, continue_a_prompt
        from train.finetuning.trained_writer import TrainedWriter

        template, texts = facts["template"], facts.get("stop_strings", [])
        if self.chats:
            card = Card(self.what, self.tag, answer_a_turn(with_stop_strings=bool(texts)))
        else:
            usage = continue_a_prompt(template)
            form = f"Prompts have the form `{json.dumps(template, ensure_ascii=False)}`."
            card = Card(self.what, self.tag, usage, notes=(form,))
        return TrainedWriter(artifact, self.load_model(artifact), load_tokenizer(artifact), card, facts)
