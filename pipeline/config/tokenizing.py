"""How text becomes tokens: the tokenizer, and the shards of what it makes."""

from typing import Annotated, Literal

from pydantic import PositiveFloat, PositiveInt

from pipeline.config.base import NEUTRAL, Content, Section
from pipeline.formats.model_folder import tokenizer_files


class TokenizerConfig(Section):
    """The tokenizer: trained on the corpus, or brought."""

    kind: Literal["bpe", "wordpiece", "unigram", "char", "pretrained"] = "bpe"
    """`bpe` is byte-level and restores every text exactly."""
    vocab_size: PositiveInt = 4096
    path: Annotated[str | None, Content(tokenizer_files)] = None
    """For `pretrained`: a folder with tokenizer.json, or with GPT-2's vocab.bpe and encoder.json."""
    sample_mb: PositiveFloat = 200.0
    """Training text taken from the corpus, 10^6 bytes, spread evenly over its documents."""
    min_frequency: PositiveInt = 2
    """Pairs (bpe, wordpiece) that stand less often in the sample are not merged."""
    pattern: Literal["modern", "gpt2"] = "modern"
    """How bpe splits text into words first. `modern`: as Llama 3 (digits in threes, a line break ends a word), with
    combining marks inside words and `han_run`."""
    eos_token: str = "<|endoftext|>"
    pad_token: str = "<|pad|>"
    unk_token: str = "<|unk|>"
    """For the kinds that are not byte-level."""
    special_tokens: list[str] = ["<|user|>", "<|assistant|>", "<|end|>"]
    """Further tokens that are never split; these mark the turns of a chat."""
    han_run: PositiveInt | None = 4
    """For the `modern` pattern: longest run of Han characters that may become one token; keeps training on Chinese
    fast. None sets no bound."""

    def problems(self) -> list[str]:
        if self.kind == "pretrained" and self.path is None:
            return ["tokenizer.path is missing: kind=pretrained needs a folder"]
        if "" in (self.eos_token, self.pad_token, self.unk_token, *self.special_tokens):
            return [
                "eos_token, pad_token, unk_token and special_tokens must not be empty: give each some characters"
            ]
        special = len({self.eos_token, self.pad_token, *self.special_tokens})
        smallest, what = (256 + special, "bytes") if self.kind == "bpe" else (50 + special, "characters")
        if self.kind != "pretrained" and self.vocab_size < smallest:
            return [
                f"tokenizer.vocab_size={self.vocab_size} is below the {smallest} that {what} and special "
                "tokens need"
            ]
        return []


class ShardsConfig(Section):
    """Token shards."""

    shard_mb: PositiveInt = 256
    """Text, 10^6 bytes, of which at least so much becomes one .bin file: a run of whole files of documents. The last
    file of a split, or of a part in it, may have less."""
    workers: Annotated[PositiveInt | None, NEUTRAL] = None
    """Processes; None takes every core this process may use."""
