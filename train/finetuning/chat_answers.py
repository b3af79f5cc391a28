"""What all tasks share whose model answers in a chat."""

from typing import TYPE_CHECKING, ClassVar

from train.finetuning.written_text import WrittenText

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from train.finetuning.chat import ChatFormat


class ChatAnswers(WrittenText):
    """Written with the tokenizer's chat template; a tokenizer without one is given one."""

    tag: ClassVar[str] = "conversational"
    chats: ClassVar[bool] = True

    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "ChatFormat":
        from train.finetuning.chat import ChatFormat, set_chat_template

        set_chat_template(tokenizer)
        return ChatFormat(tokenizer)
