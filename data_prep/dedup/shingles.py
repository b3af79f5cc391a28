"""Hashes of all runs of so many words of a text, without a Python loop over words."""

import numpy as np

from data_prep.text.characters import code_points
from data_prep.text.word_hashes import word_hashes
from pipeline.splitmix import mix

_WINDOW_BASE = np.uint64(0xD6E8FEB86659FD93)


def shingles(text: str, words: int) -> np.ndarray:
    """A uint64 for each run of `words` words, in order, repeated ones repeated; for all there are if they are fewer.

    Of a text without words every character other than white space is one, so that there are always some.
    """
    hashes = word_hashes(text)
    if not len(hashes):
        hashes = mix(code_points("".join(text.split()) or " ").astype(np.uint64))
    words = min(words, len(hashes))
    count = len(hashes) - words + 1
    sums = hashes[:count].copy()
    for place in range(1, words):
        sums *= _WINDOW_BASE
        sums += hashes[place : place + count]
    return mix(sums)
