"""What all tasks share whose model answers in a chat."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pipeline.config.models.base import Reading
from train.finetuning.framed_prompts import Frame
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

    def advice_on_frame(
        self,
        settings: Any,
        frame: Frame,
        tokenizer: "Callable[[], PreTrainedTokenizerBase | None]",
        reading: Reading,
    ) -> str:
        from train.finetuning.chat_templates import keeps_as_it_is, named_template, template_names

        prompt, own = frame.around("Hi?"), self.template(settings)
        if own is None and (found := tokenizer()) is not None:
            own = cast("str | None", found.chat_template)
        if own is not None and keeps_as_it_is(own, prompt):
            return ""
        known = next(
            (name for name in template_names() if keeps_as_it_is(named_template(name), prompt)), None
        )
        if known is None:
            return (
                "take it out of the prompts, or set finetune.template=FILE.jinja, a chat template that writes it "
                "around questions and leaves prompts as they are that begin with it"
            )
        return (
            f"set finetune.template={known}, which leaves such prompts as they are, and writes this around the "
            "questions of a chat"
        )

    def prompt_format(
        self, tokenizer: "PreTrainedTokenizerBase", template: str | None = None
    ) -> "ChatFormat":
        from train.finetuning.chat import ChatFormat, set_chat_template

        if template is not None:
            tokenizer.chat_template = template
        set_chat_template(tokenizer)
        return ChatFormat(tokenizer)
