"""Byte-level BPE (Sennrich et al., 2016; Radford et al., 2019): every byte is a token, so every text is restored."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from data_prep.tokenizing.corpus_training import check_size, train_on_corpus
from pipeline.config.tokenizers.byte_bpe import ByteBPE
from pipeline.context import Context
from pipeline.text.text_splitting import (
    GPT2_CUT,
    LINE_CUT,
    LLAMA3_PATTERN,
    QWEN2_PATTERN,
    modern_pattern,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_LONG_WORD = re.compile(r"\w{256}|[^\w\s]{256}")
"""Such words (a base64 blob) are cut for training: a merge walks through all of each word that it is in."""


def build(config: ByteBPE, context: Context) -> "PreTrainedTokenizerFast":
    return train_on_corpus(config, context, learn, GPT2_CUT if config.pattern == "gpt2" else LINE_CUT)


def learn(config: ByteBPE, pieces: Iterator[str], show_progress: bool) -> Tokenizer:
    """Ids: the 256 bytes, then what the merges make, in their order."""
    patterns = {"gpt2": None, "llama3": LLAMA3_PATTERN, "qwen2": QWEN2_PATTERN}
    tokenizer = byte_level_bpe({}, [], patterns.get(config.pattern, modern_pattern(config.han_run)))
    trainer = trainers.BpeTrainer(
        vocab_size=config.learned_size,
        min_frequency=config.min_frequency,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=show_progress,
    )
    tokenizer.train_from_iterator(with_long_words_cut(pieces), trainer)
    return check_size(config, tokenizer)


def byte_level_bpe(
    vocab: dict[str, int], merges: list[tuple[str, str]], pattern: str | None = None
) -> Tokenizer:
    """A byte-level BPE; without a pattern, text is split by `tokenizers`' own code for GPT-2's."""
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def with_long_words_cut(pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        start = 0
        for found in _LONG_WORD.finditer(piece):
            yield piece[start : found.end()]
            start = found.end()
        yield piece[start:]
