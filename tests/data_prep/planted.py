"""Real documents, and copies of them changed to a known similarity."""

import random
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

Edit = Callable[[random.Random, list[str], int], list[str]]


def true_jaccard(left: str, right: str) -> float:
    """Of the sets of 5 words in a row; every Han character is a word."""
    sets = []
    for text in (left, right):
        words = re.findall(r"[一-鿿]|[^\W_一-鿿]+", text.casefold())
        sets.append({tuple(words[start : start + 5]) for start in range(max(len(words) - 4, 1))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def english(folder: Path, count: int) -> list[list[str]]:
    """Documents of 60 to 1,500 words of WikiText-2, as words and white space."""
    words = re.findall(r"\S+\s+", (folder / "wiki.train.tokens").read_text(encoding="utf-8"))
    return _documents(words, count)


def chinese(folder: Path, count: int) -> list[list[str]]:
    """Documents of Tatoeba's Chinese sentences, as characters, each sentence once."""
    lines = (folder / "cmn.txt").read_text(encoding="utf-8").splitlines()
    return _documents(
        list("".join(dict.fromkeys(line.split("\t")[1] for line in lines if "\t" in line))), count
    )


def _documents(words: list[str], count: int) -> list[list[str]]:
    rng = random.Random(1)
    documents, start = [], 0
    while len(documents) < count:
        size = int(60 * 25 ** rng.random())
        documents.append(words[start : start + size])
        start += size
    assert start < len(words)
    return documents


def _replace(rng: random.Random, words: list[str], edits: int) -> list[str]:
    words = list(words)
    for _ in range(edits):
        words[rng.randrange(len(words))] = rng.choice(words)
    return words


def _insert(rng: random.Random, words: list[str], edits: int) -> list[str]:
    words = list(words)
    for _ in range(edits):
        words.insert(rng.randrange(len(words)), rng.choice(words))
    return words


def _delete(rng: random.Random, words: list[str], edits: int) -> list[str]:
    gone = set(rng.sample(range(len(words)), edits))
    return [word for place, word in enumerate(words) if place not in gone]


def _reorder(rng: random.Random, words: list[str], edits: int) -> list[str]:
    bounds = sorted([0, *rng.sample(range(1, len(words)), edits), len(words)])
    sections = [words[start:end] for start, end in pairwise(bounds)]
    rng.shuffle(sections)
    return [word for section in sections for word in section]


def _change_header(rng: random.Random, words: list[str], edits: int) -> list[str]:
    header = rng.sample(words, edits)
    return [*header, *words[4 * edits :]]


EDITS: tuple[Edit, ...] = (_replace, _insert, _delete, _reorder, _change_header)


def plant(document: list[str], number: int, low: float, high: float) -> tuple[str, float]:
    """A copy whose similarity, also returned, is from `low` to `high`: about evenly spread, by one kind of edit."""
    rng = random.Random(number)
    edit = EDITS[number % len(EDITS)]
    text = "".join(document)
    target = rng.uniform(low, high)
    best = (2.0, "", 0.0)
    edits = 1
    while edits < len(document) // 5:
        copy = "".join(edit(rng, document, edits))
        similarity = true_jaccard(text, copy)
        if low <= similarity <= high:
            best = min(best, (abs(similarity - target), copy, similarity))
        if similarity < target:
            break
        edits = max(edits + 1, int(edits * 1.1))
    return best[1], best[2]
