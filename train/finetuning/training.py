"""The training side of a fine-tuning task: examples as tensors, the model, and what the artifact says of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

from pipeline.config.training import TrainerConfig
from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.tokenizers import tokenizer_hash
from pipeline.formats.unknown_text import unknown_text
from pipeline.text.counts import counted
from train.checkpoints.final_model import save_model
from train.data.batches import Examples
from train.data.order import Order, SampleOrder
from train.finetuning.base_model import BaseModel
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts, TestRow
from train.generation.samples import Sampler
from train.models import TrainableModel
from train.models.weights import Weights

if TYPE_CHECKING:  # imports Lightning, which the planner needs not to check examples
    from train.training_plan import Preparation


class TokenizedExamples(Examples, Protocol):
    """Examples of which each has a row of token ids."""

    @property
    def input_ids(self) -> list[np.ndarray]: ...


@runtime_checkable
class Packable(Protocol):
    """Examples that can share rows."""

    def packed(self) -> Examples:
        """The same in batches of which several share a row, none seeing another."""


E = TypeVar("E", bound=TokenizedExamples)


def packed(examples: Examples) -> Examples:
    """Raises: TypeError: where a task's section has `packed` among its `batchings`, and its examples cannot do it."""
    if not isinstance(examples, Packable):
        raise TypeError(f"{type(examples).__name__} has no method `packed`")
    return examples.packed()


class TaskTraining(ABC, Generic[E]):
    """By default the base model itself is trained, and saved as a language model."""

    advice: ClassVar[dict[str, str]] = {}
    """What is said of `counts` that are not zero: sentences with {} for how many of the training examples it is."""

    shortened: ClassVar[frozenset[str]] = frozenset()
    """Those of `counts` that are of examples too long for the model, which lose something."""

    train: E
    validation: E

    def __init__(self, base: BaseModel, splits: Splits):
        self.base, self.splits = base, splits

    def new_model(self) -> TrainableModel:
        """A new copy of the base model, with the task's head."""
        return self.base.load()

    def starting_model(self, ranks: int) -> tuple[TrainableModel, Weights | None]:
        """The new model that training starts with. Where ranks can read its weights layer by layer, it is on the meta
        device with its weights beside it, so that none of them holds all."""
        return self.new_model(), None

    def order(self, seed: int) -> Order:
        """Of the training examples: all of them in each epoch."""
        return SampleOrder(len(self.train), seed)

    def validation_parts(self, examples: Examples) -> Mapping[str, Examples]:
        """The validation examples by the name of the part whose loss is told by itself; "" where there is one alone.

        Args:
            examples: `validation`, or the same in rows that they share.
        """
        return {"": examples}

    def preparation(self, model: TrainableModel, trainer: TrainerConfig) -> "Preparation | None":
        """What the examples need of the new model before its first step; None where they need nothing."""
        return None

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        """Write the trained weights, so that the task's `load_model` finds them."""
        base = self.base
        facts = {"tokenizer": tokenizer_hash(artifact), "eos_id": base.tokenizer.eos_token_id}
        save_model(artifact, state, base.config, base.vocab_size, **facts)

    @abstractmethod
    def description(self) -> TaskFacts:
        """The task's own part of task.json: what evaluation and export need to know besides the weights."""

    @abstractmethod
    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        """Examples as the lines of test.jsonl have them, from which the task's evaluation predicts."""

    def test_rows(self) -> list[TestRow]:
        """The lines of test.jsonl."""
        return self.rows(self.splits.test)

    @property
    def target_length(self) -> int:
        """Tokens that an encoder–decoder writes to an example in the mean; 0 for other models."""
        return 0

    def counts(self) -> dict[str, int]:
        """Figures of the examples, for the stage's metrics."""
        return {}

    def warnings(self) -> list[str]:
        """What is worth a warning of the training examples: what `advice` words, and what the tokenizer lacks."""
        counts, examples = self.counts(), len(self.splits.train)
        texts = (text for example in self.splits.train for text in example.encoded)
        unknown = unknown_text(ControlTokens.of(self.base.tokenizer), texts).describe("the training examples")
        advised = [
            advice.format(f"{counts[name]:,} of {counted(examples, 'training example')}")
            for name, advice in self.advice.items()
            if counts[name]
        ]
        return [*advised, *filter(None, [unknown])]

    def shortened_share(self) -> float:
        """Of the training examples, those that lose something: the largest share of a kind."""
        counts = self.counts()
        return max((counts[name] for name in self.shortened), default=0) / len(self.splits.train)

    def sampler(self, seed: int) -> Sampler | None:
        """Gives prompts with what the model in training answers; None where the model writes no text."""
        return None
