"""WordPiece, split as for BERT (Devlin et al., 2019): at spaces and punctuation, each Han character alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from data_prep.tokenizing.corpus_training import check_size, train_on_corpus
from pipeline.config.tokenizers.wordpiece import WordPiece
from pipeline.context import Context

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def build(config: WordPiece, context: Context) -> "PreTrainedTokenizerFast":
    return train_on_corpus(config, context, learn)


def learn(config: WordPiece, pieces: Iterator[str], show_progress: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=config.unk_token))
    tokenizer.normalizer = normalizers.BertNormalizer(
        lowercase=config.lowercase,
        strip_accents=config.lowercase if config.strip_accents is None else config.strip_accents,
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.learned_size,
        min_frequency=config.min_frequency,
        special_tokens=[config.unk_token],
        # A character takes up to two tokens, one at a word's start and one inside; rare ones stay unknown.
        limit_alphabet=max(config.learned_size // 2, 1),
        show_progress=show_progress,
    )
    tokenizer.train_from_iterator(pieces, trainer)
    # Which of equally rare characters are left out is decided anew each time.
    return check_size(config, tokenizer, sure=0.9)
