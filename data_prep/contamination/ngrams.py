"""The n-grams of words by which texts are compared, as hashes with their place in the text."""

import numpy as np

from data_prep.text.window_hashes import running_sum, window_hashes
from data_prep.text.word_hashes import UNKNOWN, placed_words

_LETTERS_PER_WORD = 2


def ngrams(text: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hashes (uint64 [g]) of the text's n-grams, and where each begins and ends in it (int64 [g]).

    One has `n` words; `2 n` where the first `n` have fewer than two letters each on average. So much is needed
    to say as much: thirteen English words have some 60 letters, but a character of a script without spaces is
    a word here, and thirteen Chinese ones are the name of a committee, or half a sentence. The same goes for
    rows of a table of figures. An n-gram with an unknown word in it is left out.
    """
    words, starts, ends = placed_words(text)
    count = len(words) - n + 1
    if count <= 0:
        return np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64)
    letters = running_sum(ends - starts)
    unknown = running_sum(words == UNKNOWN)
    first = np.arange(count)
    sizes = np.where(letters[n:] - letters[:count] < _LETTERS_PER_WORD * n, 2 * n, n)
    past = first + sizes
    first, past = first[past <= len(words)], past[past <= len(words)]
    known = unknown[past] == unknown[first]
    first, past = first[known], past[known]
    return window_hashes(words, first, past), starts[first], ends[past - 1]
