"""What all models have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import PositiveInt

from pipeline.config.choices import Choice
from pipeline.formats.architectures import Reading

READINGS: dict[Reading, str] = {
    "left_to_right": "reads text from left to right",
    "bidirectional": "reads what stands on both sides of a token",
    "encoder_decoder": "reads one text as a whole and writes another",
}
"""What each way of reading means, to go on after "a model that"."""


class ModelConfig(Choice):
    """The model that is trained."""

    tag: ClassVar[str] = "family"

    gives_hidden_states: ClassVar[bool] = False
    """Whether a fine-tuning task can put a head of its own on it: the model has `hidden(input_ids)`."""

    does_all: ClassVar[bool] = False
    """Whether any model of this family can be built, has layers of matrices, keeps documents apart that share a
    sequence, and recomputes its blocks: so that nobody needs to build one to see."""

    regularizes: ClassVar[bool] = False
    """Whether the model's `forward` takes what changes its loss in training, such as a teacher, as `regularization`."""

    readings: ClassVar[tuple[Reading, ...]] = ("left_to_right",)
    """How models of this family can read; where there are several ways, `reading` says which one is set."""

    context: PositiveInt = 256
    """Longest sequence the model can read, in tokens."""

    @property
    def judges_pairs(self) -> bool:
        """Whether the model has layers that say of two texts whether they belong together as they stand."""
        return False

    @property
    def reading(self) -> Reading:
        """How this model reads, which decides on the objectives and tasks that it can learn."""
        return self.readings[0]

    @classmethod
    def left_open(cls, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Settings that a model's weights leave open, so that a training that starts from them may choose them anew.

        Args:
            fields: the section that the weights were trained with.
        """
        return ("dropout",)

    @property
    def without_effect(self) -> frozenset[str]:
        """Settings that say nothing of this model, since others leave them no part in it."""
        return frozenset()

    @property
    def pretrained_path(self) -> str | None:
        """The folder or hub name of weights that training starts from; None for random ones."""
        return None
