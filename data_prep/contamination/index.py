"""The n-grams of all evaluation texts on disk, and what of them stands in a document."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from data_prep.contamination.ngrams import ngrams
from data_prep.text.normalize import normalize
from pipeline.config.clean import ContaminationConfig
from pipeline.store.artifacts import write_json

MOST_TEXTS = 10
"""An n-gram in more evaluation texts than this is boilerplate (a prompt's template, a stock sentence): it is not
what any of them tests. Texts that equal one another count as one."""
MOST_ITEMS = 0.05
"""And of the items of benchmarks so large a share, where that is more: several ask about one passage."""
EXCERPT_CHARS = 200
_TWINS = "twins.json"


@dataclass(frozen=True, slots=True)
class EvaluationText:
    """A text that the model is going to be evaluated on."""

    name: str
    """For a person: the file and what it is in there, such as `wiki.test.tokens: = Robert Boulter =`."""
    text: str
    is_item: bool = False
    """Whether it is the item of a benchmark, of which each must be known by itself: see `read_twins`."""


@dataclass(frozen=True, slots=True)
class Match:
    """What of one evaluation text stands in a document."""

    name: str
    """The evaluation text's."""
    ngrams: int
    """Different ones."""
    share: float
    """Of the evaluation text's."""
    excerpt: str
    """The first stretch that they cover in the document, at most 200 characters."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The evaluation texts that a document holds."""

    matches: tuple[Match, ...]
    """The largest share first."""
    spans: tuple[tuple[int, int], ...]
    """What they cover in the document: character ranges, in order, apart from one another."""


def build_index(texts: Iterable[EvaluationText], config: ContaminationConfig, folder: Path) -> int:
    """Write the index into `folder`. Takes some 60 bytes of memory per word of the texts.

    Returns:
        The number of different texts in it. Those without an n-gram are left out: they are too short to be found.
    """
    names: list[str] = []
    is_item: list[bool] = []
    pieces: list[np.ndarray] = []
    seen: dict[bytes, str] = {}
    twins: dict[str, str | None] = {}
    for text in texts:
        found = np.unique(ngrams(normalize(text.text), config.ngram)[0])
        content = blake2b(found.tobytes(), digest_size=16).digest()
        if text.is_item:
            twins[text.name] = seen.get(content, text.name) if len(found) else None
        if len(found) and content not in seen:
            seen[content] = text.name
            names.append(text.name)
            is_item.append(text.is_item)
            pieces.append(found)
    hashes = np.concatenate(pieces) if pieces else np.empty(0, np.uint64)
    owners = np.repeat(np.arange(len(pieces), dtype=np.uint32), [len(piece) for piece in pieces])
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    _, which, times = np.unique(hashes, return_inverse=True, return_counts=True)
    most = np.where(is_item, max(MOST_TEXTS, int(MOST_ITEMS * sum(is_item))), MOST_TEXTS)
    telling = times[which] <= most[owners]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "ngrams.npy", hashes[telling])
    np.save(folder / "texts.npy", owners[telling])
    np.save(folder / "sizes.npy", np.bincount(owners[telling], minlength=len(names)))
    facts = {"ngram": config.ngram, "min_matches": config.min_matches, "names": names}
    write_json(folder / "index.json", facts)
    write_json(folder / _TWINS, twins)
    return len(names)


def read_twins(folder: Path) -> dict[str, str | None]:
    """For each item of a benchmark the name of the text that stands for it in the index: its own, or that of an equal
    one before it; None where it is too short to be found."""
    return json.loads((folder / _TWINS).read_text(encoding="utf-8"))


class EvaluationIndex:
    """What `build_index` wrote, mapped into memory: processes share it, and pickle its path only."""

    def __init__(self, folder: Path):
        self._folder = folder
        facts = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self._ngram, self._names = facts["ngram"], facts["names"]
        # As plain arrays: each operation on a memmap costs some microseconds more.
        self._hashes, self._texts, self._sizes = (
            np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray)
            for name in ("ngrams", "texts", "sizes")
        )
        # Of a text with few n-grams, most must be there.
        self._required = np.minimum(facts["min_matches"], self._sizes // 2 + 1)

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return type(self), (self._folder,)

    def check(self, text: str) -> Overlap | None:
        """The evaluation texts of which `min_matches` different n-grams stand in a (normalized) document, or more
        than half of those that a short one has; None where there is none."""
        hashes, starts, ends = ngrams(text, self._ngram)
        if not len(self._hashes):
            return None
        first = np.searchsorted(self._hashes, hashes)
        found = np.flatnonzero(self._hashes[np.minimum(first, len(self._hashes) - 1)] == hashes)
        if not len(found):
            return None
        starts, ends = starts[found], ends[found]
        # A row for each evaluation text that an n-gram stands in: the entry of the index, the n-gram's place.
        past = np.searchsorted(self._hashes, hashes[found], side="right")
        times = past - first[found]
        place = np.repeat(np.arange(len(found)), times)
        entry = np.repeat(first[found] - np.cumsum(times) + times, times) + np.arange(len(place))
        numbers, different = np.unique(self._texts[np.unique(entry)], return_counts=True)
        enough = different >= self._required[numbers]
        if not enough.any():
            return None
        order = np.argsort(self._texts[entry], kind="stable")
        place, texts = place[order], self._texts[entry[order]]
        matches = []
        for number, count in zip(numbers[enough].tolist(), different[enough].tolist(), strict=True):
            mine = place[slice(*np.searchsorted(texts, [number, number + 1]))]
            start, end = _merge(starts[mine], ends[mine])[0]
            excerpt = text[start : min(end, start + EXCERPT_CHARS)]
            matches.append(Match(self._names[number], count, count / int(self._sizes[number]), excerpt))
        covered = np.unique(place[np.isin(texts, numbers[enough])])
        matches.sort(key=lambda match: -match.share)
        return Overlap(tuple(matches), _merge(starts[covered], ends[covered]))


def _merge(starts: np.ndarray, ends: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Ranges without overlap that cover the same, from ranges in order of their starts."""
    reach = np.maximum.accumulate(ends)
    apart = np.flatnonzero(starts[1:] > reach[:-1])
    firsts = starts[np.concatenate([[0], apart + 1])]
    lasts = reach[np.concatenate([apart, [len(reach) - 1]])]
    return tuple(zip(firsts.tolist(), lasts.tolist(), strict=True))
