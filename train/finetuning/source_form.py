"""How sources and targets are written for a model that reads the one and writes the other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from train.finetuning.chat import PromptFormat, Source

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFAULT_SOURCE_TEMPLATE = "{source}"


class SourceForm(PromptFormat):
    """A text around the source, and the target alone. Both have the special tokens that the tokenizer puts around a
    text, or where it has none, eos at their end."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", template: str = DEFAULT_SOURCE_TEMPLATE):
        self._template = template
        alone: list[int] = tokenizer("a", add_special_tokens=False).input_ids
        framed: list[int] = tokenizer("a").input_ids
        # The language that a multilingual tokenizer writes a target in may be another than the source's.
        target: list[int] = tokenizer(text_target="a").input_ids
        self.frames_itself = len(framed) > len(alone)
        """Whether the tokenizer puts special tokens around a text."""
        self._around_source = _around(tokenizer, framed, alone)
        self._around_target = _around(tokenizer, target, alone)
        super().__init__(tokenizer)

    @property
    def template(self) -> str:
        return self._template

    def shown(self, source: Source) -> str:
        """The source and what the template puts around it; special tokens are left out."""
        assert isinstance(source, str)  # what this task's examples hold
        return self.template.replace("{source}", source)

    def _prompt(self, source: str) -> str:
        before, after = self._around_source
        return before + self.template.replace("{source}", source) + after

    def _response(self, source: str, target: str) -> str:
        before, after = self._around_target
        return before + target + after


def _around(
    tokenizer: "PreTrainedTokenizerBase", framed: Sequence[int], alone: Sequence[int]
) -> tuple[str, str]:
    """What stands before and behind a text, in special tokens."""
    size = len(alone)
    starts = range(len(framed) - size + 1)
    start = next((place for place in starts if list(framed[place : place + size]) == list(alone)), None)
    if start is None or len(framed) == size:
        return "", tokenizer.eos_token
    before, after = framed[:start], framed[start + size :]
    return "".join(_names(tokenizer, before)), "".join(_names(tokenizer, after))


def _names(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> list[str]:
    return list(tokenizer.convert_ids_to_tokens(list(ids)))
