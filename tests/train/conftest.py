"""A small tokenizer, trained in a moment, and what a small pretraining reads."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.warm.exports import WARM
from train.exporting import parity
from train.products import use_fastest_products

# As in every stage, and from the first test on: else what a test computes would depend on those before it.
use_fastest_products()

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on.",
    "A model reads tokens and writes the next token; that is all it does.",
    "What is the capital of France? The capital of France is Paris.",
    "Rewrite the sentence so that it starts with another word.",
]


def train_tokenizer(special_tokens: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE with the given special tokens, the first of which is eos and the second padding."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=special_tokens[0],
        pad_token=special_tokens[1],
        extra_special_tokens=special_tokens[2:],
    )


@pytest.fixture(autouse=True)
def warm_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports are checked in a fork; see `tests/warm`."""
    monkeypatch.setattr(parity, "subprocess", WARM)


@pytest.fixture
def chat_tokenizer() -> PreTrainedTokenizerFast:
    """With the markers of a chat."""
    return train_tokenizer(["<|endoftext|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"])


@pytest.fixture
def plain_tokenizer() -> PreTrainedTokenizerFast:
    """As many that others bring: without the markers."""
    return train_tokenizer(["<|endoftext|>", "<|pad|>"])


@pytest.fixture(scope="session")
def mixture_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of `mixture_worker.pretrain`; its runs leave them as they are."""
    from tests.train.mixture_worker import make_inputs

    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder
