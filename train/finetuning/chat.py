"""How a source becomes a prompt, and what the model shall answer: chat templates, and a plain text template.

Prompt and response are tokenized apart from each other, without what a tokenizer adds by itself: the template
writes every special token, and at generation time the prompt stands alone too.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from jinja2 import TemplateError

from pipeline.errors import UserError
from pipeline.formats.control_tokens import ControlTokens
from train.generation.stops import Stops

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Source = str | Sequence[Mapping[str, str]]
"""What a prompt is made of: a text, or the turns of a conversation."""

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
DEFAULT_TEXT_TEMPLATE = "{source}\n\nTL;DR:"
PROBE = "0123456789"
"""A target to find out what a template writes after one."""


def _turns(user: str, assistant: str, user_end: str, assistant_end: str) -> str:
    """A Jinja chat template of alternating turns; pieces are Jinja expressions. What the system says stands before the
    first turn as it is."""
    return (
        "{%- for message in messages -%}"
        "{%- if message['role'] == 'system' -%}"
        f"{{{{- message['content'] + {user_end} -}}}}"
        "{%- elif message['role'] == 'user' -%}"
        f"{{{{- {user} + message['content'] + {user_end} -}}}}"
        "{%- elif message['role'] == 'assistant' -%}"
        f"{{{{- {assistant} + message['content'] + {assistant_end} -}}}}"
        "{%- else -%}"
        "{{- raise_exception('this model knows the roles system, user and assistant only') -}}"
        "{%- endif -%}"
        "{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{- {assistant} -}}}}{{%- endif -%}}"
    )


MARKER_TEMPLATE = _turns(f"'{USER}'", f"'{ASSISTANT}'", f"'{END}'", f"'{END}'")
"""For tokenizers with the three markers as special tokens."""

TEXT_TEMPLATE = _turns(r"'### User:\n'", r"'### Assistant:\n'", r"'\n\n'", r"eos_token + '\n\n'")
"""For tokenizers without: nothing needs a row in the embedding that was never trained."""


class PromptFormat(ABC):
    """Renders examples as text, and as token ids in which only the template has written control tokens."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase"):
        self.tokenizer = tokenizer
        self._control = ControlTokens.of(tokenizer)
        # Some tokenizers declare the marks of their own chat ordinary tokens.
        written = (self.prompt(PROBE) + self.response(PROBE, PROBE)).replace(PROBE, "")
        added = tokenizer.added_tokens_decoder.values()
        ordinary = [token.content for token in added if not (token.special or token.content.isspace())]
        if marks := [name for name in ordinary if name in written]:
            self._control = ControlTokens.of(tokenizer, marks)

    def prompt(self, source: Source) -> str:
        """All that the model is given."""
        return self._control.unquote(self._prompt(self._quoted(source)))

    def response(self, source: Source, target: str) -> str:
        """All that the model shall write, the token that ends it included."""
        return self._control.unquote(self._response(self._quoted(source), self._control.quote(target)))

    def prompt_ids(self, sources: Iterable[Source]) -> list[list[int]]:
        return self._control.encode([self._prompt(self._quoted(source)) for source in sources])

    def response_ids(self, pairs: Iterable[tuple[Source, str]]) -> list[list[int]]:
        """Args: pairs: of a source and its target."""
        quote = self._control.quote
        return self._control.encode(
            [self._response(self._quoted(source), quote(target)) for source, target in pairs]
        )

    def _quoted(self, source: Source) -> Source:
        quote = self._control.quote
        if isinstance(source, str):
            return quote(source)
        return [{**turn, "content": quote(turn["content"])} for turn in source]

    @property
    @abstractmethod
    def template(self) -> str:
        """What prompts look like, to people: it is said on the model card."""

    @abstractmethod
    def _prompt(self, source: Any) -> str:
        """Given a quoted source."""

    @abstractmethod
    def _response(self, source: Any, target: str) -> str:
        """Given a quoted source and target."""


class ChatFormat(PromptFormat):
    """One user turn, or a conversation that the user has spoken last in, and its answer, by the tokenizer's chat
    template."""

    @property
    def template(self) -> str:
        return cast(str, self.tokenizer.chat_template)  # `set_chat_template` has seen to it

    def conversation_ids(self, turns: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of several turns, up to where the assistant answers.

        Args:
            turns: each with a `role` and a `content`; the template knows which roles there are.

        Raises:
            UserError: where the template refuses them.
        """
        return self.prompt_ids([turns])[0]

    def _prompt(self, source: Source) -> str:
        return self._render(_as_turns(source), add_generation_prompt=True)

    def _response(self, source: Source, target: str) -> str:
        whole = self._render([*_as_turns(source), {"role": "assistant", "content": target}])
        prompt = self._prompt(source)
        if not whole.startswith(prompt):
            raise UserError(
                "the tokenizer's chat template writes an answered turn otherwise than the prompt for it, so "
                "the response cannot be told from the prompt; remove the template from the tokenizer's "
                "folder to take ours"
            )
        # Templates write white space between turns, after the end token; it is no part of the response.
        response = whole[len(prompt) :].rstrip()
        return response if response != target.rstrip() else response + self.tokenizer.eos_token

    def _render(self, turns: list[dict[str, str]], add_generation_prompt: bool = False) -> str:
        try:
            text = self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=add_generation_prompt
            )
            return cast(str, text)  # without `tokenize`
        except TemplateError as error:
            raise UserError(f"the tokenizer's chat template fails on these turns: {error}") from None


def _as_turns(source: Source) -> list[dict[str, str]]:
    return [{"role": "user", "content": source}] if isinstance(source, str) else list(map(dict, source))


class TextFormat(PromptFormat):
    """A text around the source, continued by the target."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", template: str = DEFAULT_TEXT_TEMPLATE):
        self._template = template
        super().__init__(tokenizer)

    @property
    def template(self) -> str:
        return self._template

    def _prompt(self, source: str) -> str:
        before, _, after = self.template.partition("{source}")
        return self._start() + before + source + after

    def _response(self, source: str, target: str) -> str:
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


def find_stops(form: PromptFormat) -> Stops:
    """What ends an answer: eos, and the token or the text with which the template closes a response.

    Raises:
        UserError: where the template closes it with a text that this tokenizer does not give back.
    """
    tokenizer = form.tokenizer
    [ids] = form.response_ids([("a", PROBE)])
    if ids[-1] in tokenizer.added_tokens_decoder:
        return Stops(sorted({ids[-1], tokenizer.eos_token_id}))
    # Pieces of ordinary text close it: each of them may stand in any answer, so only their whole text ends one.
    marker = form.response("a", PROBE).rpartition(PROBE)[2].strip()
    if not marker or marker not in tokenizer.decode(ids):
        raise UserError(
            f"the tokenizer's chat template closes an answer with {marker!r}, which is no token of its own and which "
            "the tokenizer does not give back, so no answer could end; add it to the tokenizer as a special token, or "
            "remove the template from the tokenizer's folder to take ours"
        )
    return Stops([tokenizer.eos_token_id], [marker])
