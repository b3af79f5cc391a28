"""One token per character: a BPE without merges."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models

from data_prep.tokenizing.corpus_training import frequent_characters, train_on_corpus
from pipeline.config.tokenizers.characters import Characters
from pipeline.context import Context

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def build(config: Characters, context: Context) -> "PreTrainedTokenizerFast":
    return train_on_corpus(config, context, learn)


def learn(config: Characters, pieces: Iterator[str], _show_progress: bool) -> Tokenizer:
    """The most frequent characters, up to the size of the vocabulary; a text that has fewer is fine."""
    characters = frequent_characters(pieces, config.learned_size - 1)
    tokens = [config.unk_token, *(chr(code) for code in sorted(characters))]
    vocab = {token: id for id, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token=config.unk_token))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer
