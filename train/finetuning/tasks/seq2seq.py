"""Text to text: the target continues a template with the source in it, or an encoder–decoder reads that and writes
the target."""

import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.config.models.base import Reading
from pipeline.formats.rows import RowSource
from train.finetuning.data import Example, Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.framed_prompts import Frame
from train.finetuning.translations import read_translations
from train.finetuning.written_text import WrittenText

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from train.exporting.trained_model import TrainedModel
    from train.finetuning.base_model import BaseModel
    from train.finetuning.chat import PromptFormat
    from train.finetuning.text_training import TextTraining


class Seq2Seq(WrittenText):
    """Summaries, translations and the like."""

    what: ClassVar[str] = "A language model fine-tuned to turn a text into another."
    tag: ClassVar[str] = "text-to-text"
    readings: ClassVar[tuple[Reading, ...]] = ("left_to_right", "encoder_decoder")

    def read_examples(
        self, path: RowSource, settings: Any, unread: Counter[str] | None = None
    ) -> list[Example]:
        return read_translations(path, settings.data, self.field_pairs, unread)

    def template(self, settings: Any) -> str | None:
        return settings.prompt_template

    def advice_on_frame(
        self,
        settings: Any,
        frame: Frame,
        tokenizer: "Callable[[], PreTrainedTokenizerBase | None]",
        reading: Reading,
    ) -> str:
        template = self.template(settings)
        if template == "{source}" or (template is None and reading == "encoder_decoder"):
            return ""
        return "set finetune.prompt_template={source}, which leaves them as they are"

    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "PromptFormat":
        from train.finetuning.chat import DEFAULT_TEXT_TEMPLATE, TextFormat

        return TextFormat(tokenizer, template or DEFAULT_TEXT_TEMPLATE)

    def form_for(
        self, settings: Any, tokenizer: "PreTrainedTokenizerBase", reading: Reading
    ) -> "PromptFormat":
        return self._form(tokenizer, self.template(settings), reading)

    def trained_format(self, tokenizer: "PreTrainedTokenizerBase", facts: TaskFacts) -> "PromptFormat":
        return self._form(tokenizer, facts["template"], facts.get("reading", "left_to_right"))

    def _form(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None, reading: Reading
    ) -> "PromptFormat":
        if reading != "encoder_decoder":
            return self.prompt_format(tokenizer, template)
        from train.finetuning.source_form import DEFAULT_SOURCE_TEMPLATE, SourceForm

        return SourceForm(tokenizer, template or DEFAULT_SOURCE_TEMPLATE)

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "TextTraining[Any]":
        if base.config.reading != "encoder_decoder":
            return super().training(settings, base, splits)
        from train.finetuning.source_training import SourceTraining

        return SourceTraining(
            settings, base, splits, self.form_for(settings, base.tokenizer, base.config.reading)
        )

    def trained_model(self, artifact: "Path", facts: TaskFacts) -> "TrainedModel":
        if facts.get("reading") != "encoder_decoder":
            return super().trained_model(artifact, facts)
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import write_to_a_source
        from train.finetuning.source_form import SourceForm
        from train.finetuning.trained_writer import TrainedSourceWriter

        template, tokenizer = facts["template"], load_tokenizer(artifact)
        frames_itself = SourceForm(tokenizer).frames_itself
        usage = write_to_a_source(template, frames_itself=frames_itself)
        form = f"Sources have the form `{json.dumps(template, ensure_ascii=False)}`."
        what = "An encoder–decoder fine-tuned to turn a text into another."
        card = Card(what, self.tag, usage, pipeline_tag="text2text-generation", notes=(form,))
        return TrainedSourceWriter(artifact, self.load_model(artifact), tokenizer, card, facts)


TASK = Seq2Seq()
