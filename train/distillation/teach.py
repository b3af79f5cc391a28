"""What a teacher changes of a training: the loss, and where it was stored what it said, the examples."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.config.base import content_mark
from pipeline.config.distillation import DistillConfig
from pipeline.config.stages import PretrainStage
from pipeline.config.tasks import FinetuneConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.fingerprint import FileHashes
from pipeline.formats.shards import ShardIndex
from pipeline.store.artifacts import HASHES
from train.checkpoints.teacher import named_teacher
from train.data.batches import Examples
from train.data.losses import Loss, model_loss
from train.distillation.loss import DistillationLoss, from_batch, live
from train.distillation.stored import StoredTargets
from train.distillation.storing import Storing
from train.distillation.taught import (
    TaughtExamples,
    labels_as_places,
    places_as_labels,
    places_by_row,
)
from train.distillation.teacher import Teacher
from train.finetuning.examples import ResponseExamples
from train.finetuning.training import packed
from train.training_plan import Preparation

CACHE = ".teachers"
"""Folder in the store."""
VERSION = 1
"""Raised by hand when the code stores something else of the same teacher and examples."""


@dataclass(frozen=True)
class Taught:
    """Fields of a training plan."""

    loss: Loss
    train: Examples
    preparation: Preparation | None = None


def teach_pretraining(
    config: PretrainStage,
    train: Examples,
    untaught: Loss,
    index: ShardIndex,
    length: int,
    vocab_size: int,
    context: Context,
) -> Taught:
    """
    Args:
        untaught: the loss without a teacher.
        index, length: of the tokens that the examples are made of, and of each example.
        vocab_size: of the student.

    Raises:
        UserError: where the teacher's weights are gone or damaged.
    """
    settings = config.pretrain.distill
    if settings is None or config.trainer.steps == 0:
        return Taught(untaught, train)
    student = _Student("pretrain", settings, vocab_size, config.trainer, context)
    if not settings.cache:
        return Taught(student.live(), train)
    stored = student.stored([asdict(index), config.data.packing, length], train)
    return student.taught(stored, train, TaughtExamples(train, stored, places_by_row(stored)))


def teach_finetuning(
    settings: FinetuneConfig, examples: Examples, train: Examples, vocab_size: int, context: Context
) -> Taught:
    """
    Args:
        examples: with a row each.
        train: the same as they are trained on, in rows that they may share.
        vocab_size: of the student.

    Raises:
        UserError: where the teacher's weights are gone or damaged.
    """
    distill = settings.distill
    if distill is None or settings.trainer.steps == 0:
        return Taught(model_loss, train)
    student = _Student("finetune", distill, vocab_size, settings.trainer, context)
    if not distill.cache:
        return Taught(student.live(), train)
    assert isinstance(
        examples, ResponseExamples
    )  # as all tasks have them whose section says that they distill
    stored = student.stored([_digest(examples.input_ids), _digest(examples.labels)], examples)
    numbered = examples.with_labels(labels_as_places(examples.labels, stored))
    places = places_as_labels(packed(numbered) if settings.batching == "packed" else numbered)
    return student.taught(stored, examples, TaughtExamples(train, stored, places))


@dataclass(frozen=True)
class _Student:
    """Who learns, and from whom."""

    section: str
    settings: DistillConfig
    vocab_size: int
    trainer: TrainerConfig
    context: Context

    def load(self) -> Teacher:
        return Teacher.load(named_teacher(self.settings, self.section))

    def live(self) -> Loss:
        settings = self.settings
        teaching = live(self.load(), self.vocab_size, settings.temperature, settings.top_k)
        return DistillationLoss(settings, teaching)

    def stored(self, what: object, examples: Examples) -> StoredTargets:
        """Args: what: tells the examples from all others, as JSON."""
        settings, store = self.settings, Path(self.context.run.artifacts)
        assert settings.top_k is not None  # as the section's own check has it
        mark = content_mark(type(settings).model_fields["teacher"])
        assert mark is not None
        teacher = [FileHashes(store / HASHES).content(settings.teacher, mark), settings.environment()]
        compared = [settings.temperature, settings.top_k, self.vocab_size, self.trainer.precision]
        identity = json.dumps([VERSION, teacher, compared, what])
        everything = np.arange(len(examples))
        counts = examples.target_counts(everything, everything)
        folder = store / CACHE / hashlib.sha256(identity.encode()).hexdigest()[:32]
        return StoredTargets(folder, counts, settings.top_k, self.vocab_size)

    def taught(self, stored: StoredTargets, examples: Examples, train: Examples) -> Taught:
        storing = Storing(
            stored, examples, self.load, self.vocab_size, self.settings.temperature, self.trainer
        )
        return Taught(DistillationLoss(self.settings, from_batch), train, storing)


def _digest(rows: Sequence[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(len(row).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(row, dtype="<i8").data)
    return digest.hexdigest()
