"""Where sentences begin in a stream of tokens, by what each token spells."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.text.sentences import closes_sentence
from train.objectives.word_starts import word_starts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_GOES_ON = ".!?…。！？,;:)]”’»」』"
"""A token that begins with one of these still belongs to the sentence before it."""


@dataclass(frozen=True)
class SentenceStarts:
    """A sentence begins behind a token that ends one, unless what follows goes on with it, as the 5 of `3.5` does and a
    second mark. What an abbreviation's full stop is, tokens do not tell."""

    closes: np.ndarray
    """Whether each token ends a sentence, bool [vocabulary]."""
    opens: np.ndarray
    """Whether one may begin with it."""

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerFast", vocab_size: int) -> Self:
        texts = [text.strip() for text in tokenizer.batch_decode([[id] for id in range(vocab_size)])]
        goes_on = [text[:1] in _GOES_ON or text[:1].isdigit() for text in texts]
        closes = np.array([closes_sentence(text) for text in texts])
        return cls(closes, word_starts(tokenizer, vocab_size) & ~np.array(goes_on))

    def within(self, ids: np.ndarray) -> np.ndarray:
        """The places of a text, int64 [n] in ascending order, at which a sentence begins behind another."""
        return np.flatnonzero(self.closes[ids[:-1]] & self.opens[ids[1:]]) + 1
