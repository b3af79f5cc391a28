"""Unigram (Kudo, 2018), with spaces kept as `▁`, so that all but unknown characters decodes to what it was."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from data_prep.tokenizing.corpus_training import check_size, frequent_characters, train_on_corpus
from pipeline.config.tokenizers.unigram import Unigram
from pipeline.context import Context
from pipeline.text.text_splitting import NEWLINES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def build(config: Unigram, context: Context) -> "PreTrainedTokenizerFast":
    return train_on_corpus(config, context, learn)


def learn(config: Unigram, pieces: Iterator[str], show_progress: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    metaspace = {"replacement": "▁", "prepend_scheme": "never"}
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(NEWLINES), "isolated"), pre_tokenizers.Metaspace(**metaspace)]
    )
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    kept = list(pieces)
    alphabet = frequent_characters(kept, max(3 * config.learned_size // 4, 1))
    # The trainer makes a token of every character it sees; rare ones shall stay unknown, as in SentencePiece.
    rare = dict.fromkeys({ord(character) for text in kept for character in set(text)} - alphabet, "\n")
    trainer = trainers.UnigramTrainer(
        vocab_size=config.learned_size,
        special_tokens=[config.unk_token],
        unk_token=config.unk_token,
        show_progress=show_progress,
    )
    tokenizer.train_from_iterator((text.translate(rare) if rare else text for text in kept), trainer)
    # Which of equally rare pieces are left out is decided anew each time.
    return check_size(config, tokenizer, sure=0.9)
