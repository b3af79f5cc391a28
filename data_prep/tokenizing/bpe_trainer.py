"""Learning the merges of a byte-level BPE, with a stated order among pairs of equal count.

The BPE trainer of `tokenizers` prefers, among pairs of equal count, the one with the smaller internal ids,
and nothing in its interface changes that: on the reference corpus it departs from the published algorithm
after 31 merges. Here the pair with the higher count wins, and among equals the lexicographically larger pair
of byte strings, as in subword-nmt (Sennrich et al., 2016). The result depends on the word counts alone: not
on the order of the text, on threads, or on a library's version; counts are Python integers and cannot
overflow. Training takes about as long as with `tokenizers`. Encoding is that library's work.
"""

import heapq
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import pairwise

Pair = tuple[int, int]


def learn_merges(
    counts: Mapping[bytes, int],
    merges: int,
    min_frequency: int = 1,
    on_merge: Callable[[], None] = lambda: None,
) -> list[tuple[bytes, bytes]]:
    """The merges in the order in which they apply; fewer than asked where no pair is frequent enough.

    Args:
        counts: how often each pre-token (as bytes) stands in the training text.
        merges: number of merges that make a new token.
        min_frequency: pairs that are rarer are not merged.
        on_merge: called after each merge, for progress.

    A merge whose result is a token already (`a`+`bc` after `ab`+`c`) makes no new one and does not count.

    Each merge visits only the words that hold its pair. Pairs wait in a heap under a count that may have
    fallen since; it is corrected when it reaches the top.
    """
    words = [list(word) for word in counts]
    frequency = list(counts.values())
    tokens = [bytes([byte]) for byte in range(256)]
    ids = {token: id for id, token in enumerate(tokens)}
    rank = [_descending(token) for token in tokens]
    pairs: dict[Pair, int] = defaultdict(int)
    # Words that hold a pair, perhaps twice, perhaps no longer: cheaper than sets that are kept exact.
    where: dict[Pair, array[int]] = defaultdict(lambda: array("I"))
    for index, word in enumerate(words):
        for pair in pairwise(word):
            pairs[pair] += frequency[index]
            where[pair].append(index)
    heap = [(-count, rank[a], rank[b], a, b) for (a, b), count in pairs.items()]
    heapq.heapify(heap)

    learned: list[tuple[bytes, bytes]] = []
    made = 0
    while heap and made < merges:
        negative, rank_a, rank_b, a, b = heapq.heappop(heap)
        count = pairs.get((a, b), 0)
        if count < max(min_frequency, 1):
            continue
        if count != -negative:
            # An entry with the present count either stands further down or is this one, corrected.
            if count < -negative:
                heapq.heappush(heap, (-count, rank_a, rank_b, a, b))
            continue
        learned.append((tokens[a], tokens[b]))
        merged = tokens[a] + tokens[b]
        new = ids.setdefault(merged, len(tokens))
        if new == len(tokens):
            tokens.append(merged)
            rank.append(_descending(merged))
            made += 1
        changed: dict[Pair, int] = defaultdict(int)
        for index in where.pop((a, b)):
            before = words[index]
            after = _merge(before, a, b, new)
            if len(after) == len(before):
                continue
            times = frequency[index]
            for pair in pairwise(before):
                changed[pair] -= times
            for pair in pairwise(after):
                changed[pair] += times
                if new in pair:
                    where[pair].append(index)
            words[index] = after
        del pairs[a, b]
        changed.pop((a, b), None)
        for pair, change in changed.items():
            if change:
                pairs[pair] += change
                if change > 0:
                    left, right = pair
                    heapq.heappush(heap, (-pairs[pair], rank[left], rank[right], left, right))
        on_merge()
    return learned


def _merge(word: list[int], a: int, b: int, new: int) -> list[int]:
    """The word with each `a, b`, from the left, replaced by `new`."""
    merged: list[int] = []
    start, last = 0, len(word) - 1
    while start <= last:
        if start < last and word[start] == a and word[start + 1] == b:
            merged.append(new)
            start += 2
        else:
            merged.append(word[start])
            start += 1
    return merged


def _descending(token: bytes) -> str:
    """A key that sorts byte strings from the largest to the smallest; a prefix comes after what it begins."""
    return "".join(chr(255 - byte) for byte in token) + "\u0100"
