"""What a pretraining read at which step: its data order is a pure function of its settings."""

import logging
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config.run import RunConfig
from pipeline.config.stages import PretrainStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.location import Location, find_model
from pipeline.formats.shards import ShardIndex, TokenStream
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.store.artifacts import MANIFEST, read_json
from pipeline.tracking.tracker import Tracker
from train.data.batches import StreamExamples
from train.data.order import Order
from train.guards.loss_guard import SkippedData
from train.models.sizes import model_sizes
from train.objectives import build_objective
from train.opening.artifact import TrainingArtifact
from train.pretraining_data import PretrainingData
from train.trunk import TRUNK_FILE, Course

SAMPLES = 1 << 20
"""Samples whose places are worked out together."""


@dataclass(frozen=True)
class TracedTraining:
    """The data of a pretraining, finished or under way, and the order in which it was read."""

    name: str
    artifact: TrainingArtifact
    documents: Path
    """The folder of the corpus's documents."""
    streams: Mapping[str, TokenStream]
    """Of each part of the corpus."""
    examples: Mapping[str, StreamExamples]
    order: Order
    global_batch: int
    first: int
    """Steps before those of this training, in another that it goes on from with other data; 0 without such."""
    steps: int
    """The last step that was done."""

    @classmethod
    def open(cls, name: str | None, step: int | None, runs: Path) -> "TracedTraining":
        """That of a model: see `find_model`. Of a fine-tuned one it is the pretraining before.

        Raises:
            UserError: where there is no such model, its data is gone, or its objective does not say what its examples
                are made of.
        """
        location = find_model(name, step, runs)
        if not location.is_artifact:
            raise UserError(
                f"{location.name} is a folder of a model alone, which does not know its training text; name the run "
                "that trained it"
            )
        artifact, steps = _pretraining(location)
        settings = artifact.settings(PretrainStage)
        length = settings.trainer.sequence_length or settings.model.context
        objective = build_objective(settings.objective, artifact.tokenizer, settings.seed)
        shards = artifact.input("shards")
        context = Context(
            artifact.folder,
            {"shards": shards},
            Tracker(None),
            logging.getLogger(__name__),
            RunConfig(progress=False),
        )
        data = PretrainingData.of(objective, settings, ShardIndex.load(shards), context, length)
        examples = {part: each for part, each in data.parts.items() if isinstance(each, StreamExamples)}
        if len(examples) < len(data.parts):
            raise UserError(
                f"the objective {settings.objective.choice} does not say what its examples are made of (`overlaps`), "
                "so the steps that read a text are not known"
            )
        vocab_size = artifact.vocab_size
        parameters = model_sizes(settings.model, vocab_size).parameters
        course = Course.of(settings, data.mixture, length, parameters, vocab_size)
        first = 0
        if settings.pretrain.with_state and (artifact.folder / TRUNK_FILE).is_file():
            first = int(read_json(artifact.folder / TRUNK_FILE, artifact.folder, ("step",))["step"])
        batch = course.global_batch
        documents = ArtifactFolder(shards).input("clean") / "documents"
        return cls(
            location.name, artifact, documents, data.streams, examples, course.order, batch, first, steps
        )

    def example_numbers(self, part: str, start: int, stop: int, least: int) -> list[int]:
        """The training examples that hold at least so many of the tokens [start, stop) of a part in a row."""
        before = 0
        for name, examples in self.examples.items():
            if name == part:
                shared = examples.overlaps(start, stop)
                return [before + number for number, tokens in shared.items() if tokens >= least]
            before += len(examples)
        raise KeyError(part)

    def steps_of(self, examples: np.ndarray) -> dict[int, list[int]]:
        """Of each of some examples the steps that read it, from 1, in order; of a rollback those that were kept."""
        found: dict[int, list[int]] = {number: [] for number in examples.tolist()}
        data_step = SkippedData(self.artifact.folder).data_step
        done = range(self.steps)
        for sample, example in self._samples(examples, data_step(self.steps - 1) + 1 if done else 0):
            position = sample // self.global_batch
            step = bisect_left(done, position, lo=self.first, key=data_step)
            if step < self.steps and data_step(step) == position:
                found[example].append(step + 1)
        return found

    def _samples(self, examples: np.ndarray, steps: int) -> Iterator[tuple[int, int]]:
        """Sample numbers in the data of so many steps that are some of these examples, and which."""
        end = steps * self.global_batch
        for start in range(0, end if len(examples) else 0, SAMPLES):
            items = self.order.items(np.arange(start, min(start + SAMPLES, end)))
            for hit in np.flatnonzero(np.isin(items, examples)).tolist():
                yield start + hit, int(items[hit])


def _pretraining(location: Location) -> tuple[TrainingArtifact, int]:
    """The artifact, and the last step that was done for the model."""
    artifact = TrainingArtifact(location.folder)
    if artifact.spec.stage == "finetune":
        if "pretrain" not in artifact.spec.input_fingerprints:
            raise UserError(
                f"{location.name} was fine-tuned from weights of elsewhere, whose training text is not known here"
            )
        artifact = TrainingArtifact(artifact.input("pretrain"))
    elif location.checkpoint is not None:
        return artifact, location.checkpoint.step
    manifest = read_json(artifact.folder / MANIFEST, artifact.folder, ("metrics",))
    return artifact, int(manifest["metrics"]["steps"])
