"""What pretraining reads: the examples of each part of the corpus, mixed."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.config.stages import PretrainStage
from pipeline.context import Context
from pipeline.formats.shards import ShardIndex, TokenStream
from pipeline.formats.shared_arrays import SharedArrays
from pipeline.store.artifacts import SCRATCH
from train.data.batches import Examples
from train.data.first_examples import first_examples
from train.data.mixture import Mixture
from train.data.order import Order
from train.data.packing import packing_figures
from train.data.sequences import NO_VALIDATION
from train.objectives import Objective


@dataclass(frozen=True)
class PretrainingData:
    """The examples of a run, by the parts of the corpus."""

    streams: dict[str, TokenStream]
    parts: dict[str, Examples]
    validation: dict[str, Examples]
    mixture: Mixture
    length: int
    packed: bool
    validation_sequences: int | None

    @classmethod
    def of(
        cls, objective: Objective, config: PretrainStage, index: ShardIndex, context: Context, length: int
    ) -> "PretrainingData":
        """Raises: UserError: where a part is too short for one example."""
        shards = context.inputs["shards"]
        shared = None
        if context.world_size > 1:
            shared = SharedArrays(context.folder / SCRATCH, makes=context.rank == 0)
        streams = {part: TokenStream(shards, "train", part, shared) for part in index.part_tokens("train")}
        parts = {
            part: first_examples(objective.examples(stream, config.data, length), config.data.first)
            for part, stream in streams.items()
        }
        mixture = Mixture(config.data, {part: len(examples) for part, examples in parts.items()}, length)
        validation = {
            part: objective.validation_examples(
                TokenStream(shards, "validation", part, shared), config.data, length
            )
            for part, tokens in index.part_tokens("validation").items()
            if config.objective.examples_in(tokens, length)
        }
        for part in streams:
            if part not in validation and context.rank == 0:
                context.log.warning("%s: %s", part or "the corpus", NO_VALIDATION)
        return cls(
            streams,
            parts,
            validation,
            mixture,
            length,
            config.data.packing == "best_fit",
            config.trainer.validation_sequences,
        )

    def describe(self, order: Order, steps: int, global_batch: int) -> Iterator[str]:
        yield from self.mixture.describe(order, steps, global_batch)
        if self.packed:
            for part, stream in self.streams.items():
                figures = packing_figures(stream, self.length, len(self.parts[part]))
                yield f"packed{f' {part}' if part else ''}: {figures}"
