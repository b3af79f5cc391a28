"""What all tokenizers have in common, and what those have that are trained on the corpus."""

from collections.abc import Collection
from importlib.metadata import version
from typing import ClassVar

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.choices import Choice
from pipeline.config.pretraining import PretrainConfig

SENTINEL = "<extra_id_{}>"
"""What T5 calls the tokens that stand for what is missing from a text, by their number from 0."""


class TokenizerConfig(Choice):
    """How text becomes tokens."""

    tag: ClassVar[str] = "kind"

    eos_token: str = "<|endoftext|>"
    """Ends each document."""
    special_tokens: list[str] = ["<|user|>", "<|assistant|>", "<|end|>"]
    """Further tokens that are never split; these mark the turns of a chat."""

    @property
    def pretrained_path(self) -> str | None:
        """The folder of a tokenizer that exists already; None where the stage makes one."""
        return None

    def expected_size(self) -> int | None:
        """How many tokens it is going to have; None where only the stage will know."""
        return None

    @property
    def splits_as(self) -> str | None:
        """The published tokenizer as which text is split into words (gpt2, llama3, qwen2), or `own`; None where only
        its files tell."""
        return None

    @property
    def adds(self) -> int:
        """How many tokens are learned behind those that the weights of `pretrain.init` know."""
        return 0

    def misfits(self, pretrain: PretrainConfig, parts: Collection[str]) -> list[str]:
        """Contradictions with what pretraining starts from.

        Args:
            parts: of the corpus, by name; none where it has none.
        """
        if pretrain.new_rows_steps and not self.adds:
            return [
                f"pretrain.new_rows_steps={pretrain.new_rows_steps} trains the rows of new tokens alone, and "
                f"tokenizer.kind={self.choice} adds none; set tokenizer=extended, or leave it out"
            ]
        return []

    def problems(self) -> list[str]:
        empty = [name for name, value in self if value == "" or (isinstance(value, list) and "" in value)]
        return [f"{name} must not be empty or hold an empty text: give it some characters" for name in empty]


def tokenizers_version() -> dict[str, str]:
    """The library that trains tokenizers: another version may decide otherwise between equally frequent tokens."""
    return {"tokenizers": version("tokenizers")}


class TrainedTokenizer(TokenizerConfig):
    """A tokenizer that is trained on the corpus."""

    alphabet: ClassVar[tuple[int, str]] = (50, "characters")
    """What the smallest useful vocabulary holds besides the special tokens: how many, and of what."""

    vocab_size: PositiveInt = 4096
    """Number of tokens, special ones included."""
    sample_mb: PositiveFloat = 200.0
    """Training text taken from the corpus, 10^6 bytes, spread evenly over its documents."""
    pad_token: str = "<|pad|>"
    sentinels: NonNegativeInt = 0
    """How many special tokens `<extra_id_0>`, `<extra_id_1>`, … there are besides, as objective=span_corruption needs
    them; it says how many."""
    cls_token: str | None = None
    """Stands before a text that a model reads as a whole, such as [CLS]. With `sep_token` the saved tokenizer puts both
    around texts and pairs of texts, as transformers expects of encoders."""
    sep_token: str | None = None
    """Stands behind such a text, and between two, such as [SEP]."""
    mask_token: str | None = None
    """Stands for a hidden token, such as [MASK]: `objective=masked` needs one."""

    @property
    def all_special(self) -> list[str]:
        """All special tokens, each once, in the order of their ids."""
        framing = (self.cls_token, self.sep_token, self.mask_token)
        named = [self.eos_token, self.pad_token, *filter(None, framing)]
        sentinels = map(SENTINEL.format, range(self.sentinels))
        return list(dict.fromkeys([*named, *self.special_tokens, *sentinels]))

    @property
    def splits_as(self) -> str:
        return "own"

    @property
    def learned_size(self) -> int:
        """Tokens that are learned from the text. The special ones are added behind them: a model that holds one as
        a token could make it from text."""
        return self.vocab_size - len(self.all_special)

    def expected_size(self) -> int:
        return self.vocab_size

    def environment(self) -> dict[str, str]:
        return tokenizers_version()

    def problems(self) -> list[str]:
        found, (count, what) = super().problems(), self.alphabet
        if self.learned_size < count:
            smallest = self.vocab_size - self.learned_size + count
            found.append(
                f"tokenizer.vocab_size={self.vocab_size} is below the {smallest} that {what} and special tokens need"
            )
        return found


class TokenizerWithUnknown(TrainedTokenizer):
    """A tokenizer that does not know every character."""

    unk_token: str = "<|unk|>"
    """Stands for what the vocabulary does not hold."""

    @property
    def all_special(self) -> list[str]:
        return list(dict.fromkeys([self.unk_token, *super().all_special]))

    @property
    def learned_size(self) -> int:
        """Tokens that are learned from the text, and the unknown one, which is part of the model."""
        return super().learned_size + 1
