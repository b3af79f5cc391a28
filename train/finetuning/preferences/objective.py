"""What distinguishes one task that learns from preferences from another."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.config.tasks.base import ChatConfig
from pipeline.config.tasks.preferences import PreferenceConfig
from train.finetuning.data import Example
from train.finetuning.facts import TestRow

if TYPE_CHECKING:
    from train.finetuning.chat import PromptFormat
    from train.finetuning.preferences.examples import AnswerExamples
    from train.finetuning.preferences.model import PreferenceLoss


class PreferenceObjective(ABC):
    """What its examples are, and the loss."""

    needs_reference: ClassVar[bool] = True
    """Whether the loss measures answers against the model that training begins from."""

    def loss_settings(self, settings: PreferenceConfig) -> Mapping[str, Any]:
        """The settings that define the loss: those that fine-tuning in general does not have."""
        own = type(settings).model_fields.keys() - ChatConfig.model_fields.keys() - {"task"}
        return {name: getattr(settings, name) for name in sorted(own)}

    @abstractmethod
    def loss(self, settings: Mapping[str, Any]) -> "PreferenceLoss":
        """Args: settings: as `loss_settings` gives them."""

    @abstractmethod
    def encode(self, examples: Sequence[Any], form: "PromptFormat", max_length: int) -> "AnswerExamples":
        """The examples as token ids."""

    @abstractmethod
    def to_row(self, example: Any) -> TestRow:
        """What test.jsonl keeps of an example."""

    @abstractmethod
    def from_row(self, row: TestRow) -> Example:
        """The example that `to_row` kept."""
