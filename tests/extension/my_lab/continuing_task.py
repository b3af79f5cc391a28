"""The fine-tuning task itself: the prompt is the first half of a text as it stands, without a template."""

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from my_lab.continuing import ContinueConfig

from pipeline.formats.rows import RowSource, read_rows
from train.finetuning.data import Example
from train.finetuning.written_text import WrittenText

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from train.finetuning.chat import PromptFormat


class Continue(WrittenText):
    what: ClassVar[str] = "A language model fine-tuned to finish a text."
    tag: ClassVar[str] = "finishes-texts"

    def read_examples(
        self, path: RowSource, settings: ContinueConfig, unread: Counter[str] | None = None
    ) -> list[Example]:
        texts = [str(row[settings.text_field]) for _, row in read_rows(path)]
        halves = [(text[: len(text) // 2], text[len(text) // 2 :]) for text in texts]
        return [Example(first, (second,) if second.strip() else ()) for first, second in halves]

    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "PromptFormat":
        from my_lab.plain_text import PlainText

        return PlainText(tokenizer)


TASK = Continue()
