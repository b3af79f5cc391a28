"""The tokenizer of a run: `build_tokenizer` makes the one that a section names, from its module in this folder.

A module has `build(config, context) -> transformers.PreTrainedTokenizerFast`, with an eos token and a pad token.
"""

from typing import TYPE_CHECKING, Any, Protocol

from pipeline.config.tokenizers import TokenizerConfig
from pipeline.context import Context

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class TokenizerModule(Protocol):
    """A module of this folder, or of a plugin."""

    @staticmethod
    def build(config: Any, context: Context) -> "PreTrainedTokenizerFast": ...


def build_tokenizer(config: TokenizerConfig, context: Context) -> "PreTrainedTokenizerFast":
    """The tokenizer of a `tokenizer` section.

    Raises:
        UserError: where the corpus is empty or too small for the vocabulary, or there is none to bring.
    """
    return config.load(TokenizerModule).build(config, context)
