"""Which tokens a word is written with."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.formats.control_tokens import ControlTokens
from train.finetuning.tagging.sentences import TaggedSentence

NONE = -1
"""In place of a token where a word has none."""


@dataclass(frozen=True)
class AlignedSentence:
    """A sentence as tokens."""

    ids: np.ndarray
    """int32 [T]"""
    first: np.ndarray
    """Of each word the place of its first token, int64 [words]; `NONE` where the tokenizer makes nothing of it."""
    last: np.ndarray
    """And of its last."""
    piecewise: bool
    """Whether it is encoded word by word, since in the text as a whole a token would have parts of several words."""


def align(sentences: Sequence[TaggedSentence], tokens: ControlTokens) -> list[AlignedSentence]:
    """Each sentence as tokens, every one of which belongs to one word at most.

    A text is encoded as a whole, so that it reads as the model knows it. Where a token would have parts of several
    words, as a vocabulary of Chinese has whole words and tags are given to characters, each word is encoded with
    the white space before it.
    """
    encoded = tokens.encode_located([sentence.source for sentence in sentences])
    found = []
    for sentence, (ids, offsets) in zip(sentences, encoded, strict=True):
        owners = _owners(sentence, offsets)
        found.append(_piecewise(sentence, tokens) if owners is None else _aligned(sentence, ids, owners))
    return found


def _owners(sentence: TaggedSentence, offsets: Sequence[tuple[int, int]]) -> list[int] | None:
    """Of each token the word that it is part of, or `NONE`; None where one is part of several words."""
    owner_of = [NONE] * len(sentence.source)
    for number, (start, end) in enumerate(sentence.spans):
        owner_of[start:end] = [number] * (end - start)
    owners = []
    for start, end in offsets:  # of a part of a character: all of it
        words = set(owner_of[start:end]) - {NONE}
        if len(words) > 1:
            return None
        owners.append(words.pop() if words else NONE)
    return owners


def _piecewise(sentence: TaggedSentence, tokens: ControlTokens) -> AlignedSentence:
    ends = [0, *(end for _, end in sentence.spans)]
    pieces = [sentence.source[start:end] for start, end in itertools.pairwise(ends)]
    encoded = tokens.encode_texts(pieces)
    owners = [number for number, ids in enumerate(encoded) for _ in ids]
    return _aligned(sentence, [id for ids in encoded for id in ids], owners, piecewise=True)


def _aligned(
    sentence: TaggedSentence, ids: Sequence[int], owners: Sequence[int], piecewise: bool = False
) -> AlignedSentence:
    first, last = np.full((2, len(sentence.spans)), NONE, dtype=np.int64)
    for place, owner in enumerate(owners):
        if owner != NONE:
            first[owner] = place if first[owner] == NONE else first[owner]
            last[owner] = place
    return AlignedSentence(np.array(ids, dtype=np.int32), first, last, piecewise)
