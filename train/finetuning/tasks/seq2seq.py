"""Text to text: the target continues a template with the source in it."""

from typing import TYPE_CHECKING, Any, ClassVar

from train.finetuning.written_text import WrittenText

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from train.finetuning.chat import PromptFormat


class Seq2Seq(WrittenText):
    """Summaries, translations and the like, by a causal language model."""

    what: ClassVar[str] = "A language model fine-tuned to turn a text into another."
    tag: ClassVar[str] = "text-to-text"

    def template(self, settings: Any) -> str | None:
        return settings.prompt_template

    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "PromptFormat":
        from train.finetuning.chat import DEFAULT_TEXT_TEMPLATE, TextFormat

        return TextFormat(tokenizer, template or DEFAULT_TEXT_TEMPLATE)


TASK = Seq2Seq()
