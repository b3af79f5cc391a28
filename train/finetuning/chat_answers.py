"""What all tasks share whose model answers in a chat."""

from typing import TYPE_CHECKING, Any, ClassVar

from train.finetuning.written_text import WrittenText

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from train.finetuning.chat import ChatFormat


class ChatAnswers(WrittenText):
    """Written with the chat template that is set, or the tokenizer's own; a tokenizer without one is given one."""

    tag: ClassVar[str] = "conversational"
    chats: ClassVar[bool] = True

    def template(self, settings: Any) -> str | None:
        """The text of the template that is set."""
        from train.finetuning.chat_templates import find_template

        return None if settings.template is None else find_template(settings.template)

    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "ChatFormat":
        from train.finetuning.chat import ChatFormat, set_chat_template

        if template is not None:
            tokenizer.chat_template = template
        set_chat_template(tokenizer)
        return ChatFormat(tokenizer)
