"""What the rest of the program asks of an objective."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from pipeline.config.data import DataConfig
from pipeline.config.evaluation import DecodeConfig
from pipeline.config.objectives import ObjectiveConfig
from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.direction import Better
from train.data.batches import Batch, Examples, Tokens
from train.data.losses import model_loss
from train.exporting.trained_model import TrainedModel
from train.generation.samples import Sampler
from train.models import LossSum

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class HeldOutScore:
    """What the objective's mean loss on held-out text is called."""

    name: str
    """Among the metrics of evaluate."""
    title: str
    """As people write it."""
    headline: str
    """A format of the value, for the tables at the end of a run and the report's top."""
    better: Better = "lower"
    scale: float = 1.0
    """What the value is told in: 100 of one that is in percent."""


class Objective(ABC):
    """An objective's module has a function `build(config, tokenizer, seed)` that returns an object of a subclass.

    Only `examples` and `trained_model` must be there. The model's own loss is trained on, and its mean on held-out text
    is the score.
    """

    evaluation: ClassVar[str] = "eval.objectives.mean_loss"
    """The module that scores the pretrained model, as text, since `train` imports nothing of `eval`: see
    `eval/objectives/__init__.py`."""

    score: ClassVar[HeldOutScore] = HeldOutScore("held_out_loss", "Held-out loss", "held-out loss {:.3f}")

    figures: Mapping[str, HeldOutScore] = MappingProxyType({})
    """What the figures are called that `example_losses` gives besides, by their names there."""

    def __init__(self, config: ObjectiveConfig, tokenizer: "PreTrainedTokenizerFast", seed: int):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed

    def check_length(self, length: int) -> None:  # noqa: B027
        """See, before anything runs, whether there can be examples of `length` tokens.

        Raises:
            UserError: where the tokenizer lacks what so long ones need.
        """

    @abstractmethod
    def examples(self, stream: Tokens, data: DataConfig, length: int) -> Examples:
        """The examples that a stream of tokens gives, of `length` tokens each.

        What is drawn at random of one must follow from `self.seed` and the number of the sample that it is collated
        for: see `Examples` and `train/objectives/draws.py`.

        Raises:
            UserError: where the stream is too short for one, or its documents' offsets are damaged.
        """

    def validation_examples(self, stream: Tokens, data: DataConfig, length: int) -> Examples:
        """Those that the validation loss is of."""
        return self.examples(stream, data, length)

    def loss(self, model: nn.Module, batch: Batch) -> LossSum:
        """The summed loss of what `Examples.collate` gave, and the number of labels in it.

        All of the model that is trained must be reached through its `forward`: see `LanguageModel`.
        """
        return model_loss(model, batch)

    def example_losses(self, model: nn.Module, batch: Batch) -> list[LossSum]:
        """The loss of each example by itself, from which evaluation makes intervals."""
        size = len(next(iter(batch.values())))
        return [
            self.loss(model, {name: t[row : row + 1] for name, t in batch.items()}) for row in range(size)
        ]

    def encode_prompt(self, prompt: str) -> list[int]:
        """Token ids of a text as the pretrained model reads it to write on: a special token that it spells is read as
        the characters that it is."""
        return self._control.encode_texts([prompt])[0]

    def read_as_text(self, prompt: str) -> Sequence[str]:
        """The parts of a prompt that `encode_prompt` reads as text, without what is a mark of the objective's."""
        return [prompt]

    @cached_property
    def _control(self) -> ControlTokens:
        return ControlTokens.of(self.tokenizer)

    def sampler(self, prompts: Sequence[str], decode: DecodeConfig, seed: int) -> Sampler | None:
        """Shows what a model makes of the prompts, while it is trained and afterwards; None where there is nothing to
        show.

        Raises:
            UserError: where a prompt cannot be used.
        """
        return None

    @abstractmethod
    def trained_model(self, artifact: Path) -> TrainedModel:
        """The pretrained model with all that export, the comparison with transformers and the model card ask of it."""
