"""Training of a model that reads a source and writes a target: an encoder–decoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from train.data.batches import Batch
from train.finetuning.data import Example
from train.finetuning.examples import pad_rows, row_lengths
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.fitting import cut_middle
from train.finetuning.text_ids import pad_id
from train.finetuning.text_training import SAMPLES, TextTraining
from train.generation.samples import Sampler, sample_texts
from train.models import IGNORE_INDEX


@dataclass(frozen=True)
class SourceExamples:
    """Sources with targets, drawn by index: see `train.data.batches.Examples`."""

    input_ids: list[np.ndarray]
    """Of the sources."""
    labels: list[np.ndarray]
    """Of the targets, all of which are learnt."""
    pad_id: int
    context: int
    """Sources and targets are padded to at most this length."""
    cut_prompts: int
    """Examples whose source lost its middle."""
    cut_responses: int
    """Examples whose target was longer than the context, and lost its end."""

    def __len__(self) -> int:
        return len(self.input_ids)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._all_target_counts[indices]

    @cached_property
    def _all_target_counts(self) -> np.ndarray:
        return np.array([len(row) for row in self.labels])

    @property
    def mean_target(self) -> float:
        """Tokens of a target."""
        return float(self._all_target_counts.mean())

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids [B, S] and labels [B, T], int64; lengths of the sources, int64 [B]."""
        return {
            "input_ids": pad_rows(self.input_ids, indices, self.pad_id, self.context),
            "lengths": row_lengths(self.input_ids, indices),
            "labels": pad_rows(self.labels, indices, IGNORE_INDEX, self.context),
        }


class SourceTraining(TextTraining[SourceExamples]):
    """The encoder reads the source, and all of the target is learnt, the token that ends it included."""

    def encode(self, examples: list[Example]) -> SourceExamples:
        sources = self.form.prompt_ids(e.source for e in examples)
        targets = self.form.response_ids((e.source, e.targets[0]) for e in examples)
        room = self.length
        return SourceExamples(
            [np.array(cut_middle(ids, room), dtype=np.int32) for ids in sources],
            [np.array(ids[:room], dtype=np.int32) for ids in targets],
            pad_id(self.form.tokenizer),
            room,
            sum(len(ids) > room for ids in sources),
            sum(len(ids) > room for ids in targets),
        )

    @property
    def target_length(self) -> int:
        return round(self.train.mean_target)

    def description(self) -> TaskFacts:
        return {**super().description(), "reading": self.base.config.reading}

    def sampler(self, seed: int) -> Sampler:
        """Sources, cut as in training, each with an arrow behind it and what the model writes."""
        sources = [example.source for example in self.splits.validation[:SAMPLES]]
        shown = [f"{self.form.shown(source)} → " for source in sources]
        read = [cut_middle(ids, self.length) for ids in self.form.prompt_ids(sources)]
        prompts = list(zip(shown, read, strict=True))
        return lambda model: sample_texts(model, self.base.tokenizer, prompts, seed, self.stops)

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        rows = super().rows(examples)
        for row, example in zip(rows, examples, strict=True):
            row["prompt"] = self.form.shown(example.prompt)
        return rows
