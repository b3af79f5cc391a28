"""Fill-in-the-middle (Bavarian et al., 2022): some documents are told with their middle last.

A document becomes `<prefix> start <suffix> end <middle> middle`, or `<prefix><suffix> end <middle> start middle`; the
two are called PSM and SPM. It is done to the documents of a window, as for StarCoder (Li et al., 2023): a window keeps
its length, so what the three tokens of a document push out at its end is not read in that epoch.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from train.data.batches import PADDING, Batch, StreamExamples
from train.data.packing import segments_of
from train.objectives.draws import generator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Sentinels(NamedTuple):
    """Ids of the tokens that stand before the parts."""

    prefix: int
    suffix: int
    middle: int


NAMES = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<PRE>", "<SUF>", "<MID>"),
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),
)
"""What published models call them: Qwen, StarCoder, Code Llama."""


def sentinels(tokenizer: "PreTrainedTokenizerFast") -> Sentinels | None:
    """The tokenizer's own, or None where it has none."""
    vocabulary = tokenizer.get_vocab()
    for names in NAMES:
        if all(name in vocabulary for name in names):
            return Sentinels(*(vocabulary[name] for name in names))
    return None


class Cuts:
    """Cuts documents between characters: cut between tokens alone, a model would not learn to go on within a word."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast"):
        self._tokenizer = tokenizer
        self._whole = frozenset(tokenizer.get_added_vocab().values())
        self._split: dict[tuple[int, int], tuple[list[int], list[int]] | None] = {}

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each token, 1 at least; int64 [V]."""
        texts = self._tokenizer.batch_decode([[id] for id in range(len(self._tokenizer))])
        return np.array([max(1, len(text)) for text in texts])

    def cut(self, tokens: Sequence[int], place: int) -> tuple[list[int], list[int]]:
        """The tokens before and after so many characters. Where a token cannot be cut, as one that is a part of a
        character, they part before it."""
        ends = self.lengths[np.array(tokens, np.int64)].cumsum()
        index = int(np.searchsorted(ends, place, side="right"))
        before, after = list(tokens[:index]), list(tokens[index:])
        within = place - (int(ends[index - 1]) if index else 0)
        if after and within and (halves := self._halves(after[0], within)):
            return before + halves[0], halves[1] + after[1:]
        return before, after

    def _halves(self, token: int, place: int) -> tuple[list[int], list[int]] | None:
        key = (token, place)
        if key not in self._split:
            self._split[key] = self._cut_token(token, place)
        return self._split[key]

    def _cut_token(self, token: int, place: int) -> tuple[list[int], list[int]] | None:
        if token in self._whole:
            return None
        text = self._tokenizer.decode([token])
        left, right = (
            self._tokenizer.encode(part, add_special_tokens=False) for part in (text[:place], text[place:])
        )
        # Where both together are another text, as where a space is put before every word, nothing is lost by leaving
        # it.
        restored = "\ufffd" not in text and self._tokenizer.decode(left + right) == text
        return (left, right) if restored else None


class FillInTheMiddle:
    """Examples in windows of which some documents are told with their middle last."""

    def __init__(
        self,
        examples: StreamExamples,
        tokenizer: "PreTrainedTokenizerFast",
        tokens: Sentinels,
        eos: int,
        rate: float,
        spm_rate: float,
        seed: int,
    ):
        """
        Args:
            examples: whole windows, with or without segments.
            rate: share of the documents.
            spm_rate: share of those that have the suffix first.
        """
        self._examples, self._tokens, self._eos = examples, tokens, eos
        self._rate, self._spm_rate, self._seed = rate, spm_rate, seed
        self._cuts = Cuts(tokenizer)

    def __len__(self) -> int:
        return len(self._examples)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._examples.target_counts(indices, samples)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        batch = self._examples.collate(indices, samples)
        rows = torch.cat((batch["input_ids"], batch["labels"][:, -1:]), 1).numpy()
        for row, index, sample in zip(rows, indices, samples, strict=True):
            if index != PADDING:
                row[:] = self._retold(row, generator(self._seed, int(sample)))
        tokens, real = torch.from_numpy(rows), torch.from_numpy(indices != PADDING)
        batch["input_ids"] = tokens[:, :-1].contiguous()
        batch["labels"] = torch.where(real[:, None], tokens[:, 1:], batch["labels"])
        if "segments" in batch:
            batch["segments"] = segments_of(batch["input_ids"], self._eos)
        return batch

    def overlaps(self, start: int, stop: int) -> dict[int, int]:
        # As the text stands: what is told in another order is still the same tokens.
        return self._examples.overlaps(start, stop)

    def _retold(self, row: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """A window of the same length."""
        told: list[int] = []
        ends = np.flatnonzero(row == self._eos)
        for start, end in zip([0, *(ends + 1)], [*ends, len(row)], strict=True):
            document = row[start:end].tolist()
            if len(document) and draw.random() < self._rate:
                document = self._rearranged(document, draw)
            told += document
            if end < len(row):
                told.append(self._eos)
        return np.array(told[: len(row)], row.dtype)

    def _rearranged(self, document: list[int], draw: np.random.Generator) -> list[int]:
        characters = int(self._cuts.lengths[document].sum())
        low, high = sorted(draw.integers(0, characters, 2, endpoint=True).tolist())
        spm = draw.random() < self._spm_rate
        rest, end = self._cuts.cut(document, high)
        start, middle = self._cuts.cut(rest, min(low, int(self._cuts.lengths[rest].sum())))
        prefix, suffix, mid = self._tokens
        if spm:
            return [prefix, suffix, *end, mid, *start, *middle]
        return [prefix, *start, suffix, *end, mid, *middle]
