"""Answers in a chat, written with the tokenizer's chat template."""

from typing import TYPE_CHECKING, ClassVar

from train.finetuning.written_text import WrittenText

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from train.finetuning.chat import PromptFormat


class Instruct(WrittenText):
    """A tokenizer without a chat template is given one."""

    what: ClassVar[str] = "A language model fine-tuned to answer in a chat."
    tag: ClassVar[str] = "conversational"
    chats: ClassVar[bool] = True

    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "PromptFormat":
        from train.finetuning.chat import ChatFormat, set_chat_template

        set_chat_template(tokenizer)
        return ChatFormat(tokenizer)


TASK = Instruct()
