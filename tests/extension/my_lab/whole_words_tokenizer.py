"""The tokenizer itself."""

from collections.abc import Iterator

from my_lab.whole_words import WholeWords
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from data_prep.tokenizing.corpus_training import train_on_corpus
from pipeline.context import Context


def build(config: WholeWords, context: Context) -> PreTrainedTokenizerFast:
    return train_on_corpus(config, context, learn)


def learn(config: WholeWords, pieces: Iterator[str], show_progress: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token=config.unk_token))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(
        vocab_size=config.learned_size, special_tokens=[config.unk_token], show_progress=show_progress
    )
    tokenizer.train_from_iterator(pieces, trainer)
    return tokenizer
