"""How a source becomes a prompt, and what the model shall answer: chat templates, and a plain text template.

Prompt and response are tokenized apart from each other, with `add_special_tokens=False`: the text holds every
special token, and at generation time the prompt stands alone too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jinja2 import TemplateError

from pipeline.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
DEFAULT_TEXT_TEMPLATE = "{source}\n\nTL;DR:"


def _turns(user: str, assistant: str, user_end: str, assistant_end: str) -> str:
    """A Jinja chat template of alternating turns; pieces are Jinja expressions."""
    return (
        "{%- for message in messages -%}"
        "{%- if message['role'] == 'user' -%}"
        f"{{{{- {user} + message['content'] + {user_end} -}}}}"
        "{%- elif message['role'] == 'assistant' -%}"
        f"{{{{- {assistant} + message['content'] + {assistant_end} -}}}}"
        "{%- else -%}"
        "{{- raise_exception('this model knows the roles user and assistant only') -}}"
        "{%- endif -%}"
        "{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{- {assistant} -}}}}{{%- endif -%}}"
    )


MARKER_TEMPLATE = _turns(f"'{USER}'", f"'{ASSISTANT}'", f"'{END}'", f"'{END}'")
"""For tokenizers with the three markers as special tokens."""

TEXT_TEMPLATE = _turns(r"'### User:\n'", r"'### Assistant:\n'", r"'\n\n'", r"eos_token + '\n\n'")
"""For tokenizers without: nothing needs a row in the embedding that was never trained."""


class PromptFormat(Protocol):
    """Renders examples as text."""

    def prompt(self, source: str) -> str:
        """All that the model is given."""

    def response(self, source: str, target: str) -> str:
        """All that the model shall write, the token that ends it included."""


@dataclass(frozen=True)
class ChatFormat:
    """One user turn and its answer, by the tokenizer's chat template."""

    tokenizer: "PreTrainedTokenizerBase"

    def prompt(self, source: str) -> str:
        return self._render([{"role": "user", "content": source}], add_generation_prompt=True)

    def response(self, source: str, target: str) -> str:
        turns = [{"role": "user", "content": source}, {"role": "assistant", "content": target}]
        whole, prompt = self._render(turns), self.prompt(source)
        if not whole.startswith(prompt):
            raise UserError(
                "the tokenizer's chat template writes an answered turn otherwise than the prompt for it, so "
                "the response cannot be told from the prompt; remove the template from the tokenizer's "
                "folder to take ours"
            )
        # Templates write white space between turns, after the end token; it is no part of the response.
        response = whole[len(prompt) :].rstrip()
        return response if response != target.rstrip() else response + self.tokenizer.eos_token

    def _render(self, turns: list[dict[str, str]], **options: bool) -> str:
        try:
            return self.tokenizer.apply_chat_template(turns, tokenize=False, **options)
        except TemplateError as error:
            raise UserError(f"the tokenizer's chat template fails on a user's turn: {error}") from None


@dataclass(frozen=True)
class TextFormat:
    """A text around the source, continued by the target."""

    tokenizer: "PreTrainedTokenizerBase"
    template: str = DEFAULT_TEXT_TEMPLATE

    def prompt(self, source: str) -> str:
        before, _, after = self.template.partition("{source}")
        return self._start() + before + source + after

    def response(self, source: str, target: str) -> str:
        gap = "" if self.template[-1:].isspace() else " "
        return gap + target + self.tokenizer.eos_token

    def _start(self) -> str:
        """The beginning-of-sequence token where the tokenizer puts one by itself."""
        bos = self.tokenizer.bos_token_id
        return (
            self.tokenizer.bos_token if bos is not None and self.tokenizer("").input_ids[:1] == [bos] else ""
        )


def set_chat_template(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Give the tokenizer a chat template that its special tokens allow, unless it has one."""
    if tokenizer.chat_template is None:
        vocabulary = tokenizer.get_vocab()
        has_markers = all(marker in vocabulary for marker in (USER, ASSISTANT, END))
        tokenizer.chat_template = MARKER_TEMPLATE if has_markers else TEXT_TEMPLATE


def stop_token_ids(tokenizer: "PreTrainedTokenizerBase", form: PromptFormat) -> list[int]:
    """Ids after which generation ends: the token that closes a response, and eos."""
    closing = tokenizer(form.response("a", "a"), add_special_tokens=False).input_ids[-1]
    return sorted({closing, tokenizer.eos_token_id})
