"""How a source becomes a prompt, and what the model shall answer: chat templates, and a plain text template.

Prompt and response are tokenized apart from each other, without what a tokenizer adds by itself: the template
writes every special token, and at generation time the prompt stands alone too.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pipeline.errors import UserError
from pipeline.formats.control_tokens import ControlTokens
from train.finetuning.chat_templates import named_template, render_turns
from train.finetuning.conversation import Turn, said
from train.generation.stops import Stops

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Source = str | Sequence[Mapping[str, Any]]
"""What a prompt is made of: a text, or the turns of a conversation."""

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
DEFAULT_TEXT_TEMPLATE = "{source}\n\nTL;DR:"
PROBE = "0123456789"
"""A target to find out what a template writes after one."""


class Beginning(str):
    """A source that is to be continued as it stands, and no turn of a chat."""


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

    def shown(self, source: Source) -> str:
        """The prompt as people read it, ready to be continued."""
        return self.prompt(source)

    def prompt_ids(self, sources: Iterable[Source]) -> list[list[int]]:
        return self._control.encode([self._prompt(self._quoted(source)) for source in sources])

    def response_ids(self, pairs: Iterable[tuple[Source, str]]) -> list[list[int]]:
        """Args: pairs: of a source and its target."""
        quote = self._control.quote
        return self._control.encode(
            [self._response(self._quoted(source), quote(target)) for source, target in pairs]
        )

    def encode(self, pieces: Sequence[str]) -> list[list[int]]:
        """Ids of texts with control tokens that a template has written, as `ChatFormat.exchanges` gives them."""
        return self._control.encode(pieces)

    def _quoted(self, source: Source) -> Source:
        if isinstance(source, Beginning):
            return Beginning(self._control.quote(source))
        if isinstance(source, str):
            return self._control.quote(source)
        return [{**self._quoted_within(turn), "role": turn["role"]} for turn in source]

    def _quoted_within(self, value: Any) -> Any:
        """All texts in what a turn holds, as its content and the arguments of a tool call."""
        if isinstance(value, str):
            return self._control.quote(value)
        if isinstance(value, Mapping):
            return {name: self._quoted_within(each) for name, each in value.items()}
        return list(map(self._quoted_within, value)) if isinstance(value, list) else value

    def _start(self) -> str:
        """The beginning-of-sequence token where the tokenizer puts one by itself."""
        bos = self.tokenizer.bos_token_id
        starts = bos is not None and self.tokenizer("").input_ids[:1] == [bos]
        return self.tokenizer.bos_token if starts else ""

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

    def shown(self, source: Source) -> str:
        """Each turn by its speaker's name, in place of the template's marks."""
        if isinstance(source, Beginning):
            return source
        turns = [f"{turn['role']}: {said(turn)}" for turn in _as_turns(source)]
        return "\n\n".join([*turns, "assistant: "])

    def conversation_ids(self, turns: Sequence[Mapping[str, Any]]) -> list[int]:
        """Token ids of several turns, up to where the assistant answers.

        Args:
            turns: each with a `role` and a `content`; the template knows which roles there are.

        Raises:
            UserError: where the template refuses them.
        """
        return self.prompt_ids([turns])[0]

    def exchanges(self, turns: Sequence[Mapping[str, Any]], every: bool = True) -> list[tuple[str, str]]:
        """The turns of the assistant, each with what comes before it since the last: texts for `encode`, which one
        behind the other are the whole conversation.

        Args:
            turns: the last is the assistant's.
            every: else only that one, with all that comes before.

        Raises:
            UserError: where the template refuses them, or writes a turn otherwise once others follow.
        """
        quoted, found, done = self._quoted_turns(turns), list[tuple[str, str]](), ""
        for place, turn in enumerate(quoted):
            if turn["role"] != "assistant" or not (every or place == len(quoted) - 1):
                continue
            before = self._render(quoted[:place], add_generation_prompt=True)
            written, learnt = self._answer(quoted[:place], before, turn)
            if not before.startswith(done):
                raise UserError(
                    "the chat template writes earlier turns otherwise once others follow, so that answers cannot be "
                    "learnt all at once; set finetune.loss_on=last"
                )
            found.append((before[len(done) :], learnt))
            done = before + written
        return found

    def text(self, text: str) -> tuple[str, str]:
        """What a text begins with where it stands alone, and the text with the token that ends it: for `encode`."""
        return self._start(), self._control.quote(text) + self.tokenizer.eos_token

    def _quoted_turns(self, turns: Sequence[Mapping[str, Any]]) -> list[Turn]:
        return _as_turns(self._quoted(turns))

    def _prompt(self, source: Source) -> str:
        if isinstance(source, Beginning):
            return self._start() + source
        return self._render(_as_turns(source), add_generation_prompt=True)

    def _response(self, source: Source, target: str) -> str:
        if isinstance(source, Beginning):
            return target + self.tokenizer.eos_token
        turns = _as_turns(source)
        return self._answer(turns, self._prompt(source), {"role": "assistant", "content": target})[1]

    def _answer(self, turns: list[Turn], prompt: str, turn: Turn) -> tuple[str, str]:
        """The answer to the prompt that the turns make, as the template writes it; and with eos, where that writes no
        end."""
        whole = self._render([*turns, turn])
        if not whole.startswith(prompt):
            raise UserError(
                "the tokenizer's chat template writes an answered turn otherwise than the prompt for it, so "
                "the response cannot be told from the prompt; remove the template from the tokenizer's "
                "folder to take ours"
            )
        # Templates write white space between turns, after the end token; it is no part of the response.
        response = whole[len(prompt) :].rstrip()
        ended = response != turn["content"].rstrip()
        return response, response if ended else response + self.tokenizer.eos_token

    def _render(self, turns: list[Turn], add_generation_prompt: bool = False) -> str:
        return render_turns(self.tokenizer, turns, add_generation_prompt)


def _as_turns(source: Source) -> list[Turn]:
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


def set_chat_template(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Give the tokenizer a chat template that its special tokens allow, unless it has one."""
    if tokenizer.chat_template is None:
        vocabulary = tokenizer.get_vocab()
        has_markers = all(marker in vocabulary for marker in (USER, ASSISTANT, END))
        tokenizer.chat_template = named_template("markers" if has_markers else "text")


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
