"""What the rest of the program asks of a fine-tuning task."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pipeline.config.models import ModelConfig
from pipeline.config.models.base import Reading
from pipeline.config.tasks import FinetuneConfig
from pipeline.formats.direction import Better
from pipeline.formats.rows import RowSource
from train.finetuning.data import TEXT_FIELDS, Example, Splits, load_splits, read_pairs
from train.finetuning.facts import TaskFacts

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from train.exporting.trained_model import TrainedModel
    from train.finetuning.base_model import BaseModel
    from train.finetuning.training import TaskTraining
    from train.models import TrainableModel


class FinetuningTask(ABC):
    """A task's module has a subclass of this, an object of which is its `TASK`.

    The planner imports that module too, to check files and settings before anything runs. So it imports torch,
    and whatever imports torch, inside of methods only.
    """

    field_pairs: ClassVar[tuple[tuple[str, str], ...]] = TEXT_FIELDS
    """Names under which the examples' source and target are looked for, where the settings name none."""

    scores_text: ClassVar[bool] = True
    """Whether the tuned model is still a language model: then its perplexity is measured, and it continues prompts."""

    loss_figures: ClassVar[Mapping[str, Better]] = {}
    """What the loss tells besides by which `finetune.monitor` may judge a training, with which of two values is the
    better one; for tasks whose evaluation cannot score predictions by themselves."""

    evaluation: ClassVar[str]
    """The module that scores the test examples, as text: see `eval/tasks/__init__.py`."""

    def read_examples(
        self, path: RowSource, settings: Any, unread: Counter[str] | None = None
    ) -> list[Example]:
        """All examples of a file, those that are empty included.

        Args:
            settings: the task's own section.
            unread: counts for each column of which nothing is read the rows that hold something in it.

        Raises:
            UserError: naming all lines that are no examples.
        """
        return read_pairs(path, settings.data, self.field_pairs, unread)

    def read_splits(self, settings: Any, locate: Callable[[str], Path]) -> Splits:
        """The examples of all files, as training, validation and test split.

        Args:
            locate: from a path in the configuration to a file, as `Context.locate`.

        Raises:
            UserError: as `load_splits`.
        """
        return load_splits(
            settings.data, lambda path, unread: self.read_examples(path, settings, unread), locate
        )

    def describe_examples(self, settings: Any, splits: Splits) -> str:
        """What is worth telling of the examples before training starts, besides how many there are.

        Raises:
            UserError: where they are of no use for the task, such as a test label that is not trained on.
        """
        return ""

    def check_base(self, model: ModelConfig, name: str) -> None:  # noqa: B027
        """Raises: UserError: where the task cannot start from such a model, which the message calls by its name."""

    def describe_prompt(
        self, settings: Any, tokenizer: "Callable[[], PreTrainedTokenizerBase | None]", reading: Reading
    ) -> str:
        """How a prompt is written, before training starts; empty where the task has none.

        Args:
            tokenizer: gives the tokenizer, or None where it is made by this run and so has no template of its own.
            reading: how the model reads that it starts from.

        Raises:
            UserError: where the tokenizer's own template cannot be used.
        """
        return ""

    def describe_framed_prompts(
        self,
        settings: Any,
        splits: Splits,
        tokenizer: "Callable[[], PreTrainedTokenizerBase | None]",
        reading: Reading,
    ) -> str:
        """A warning where a template has written the examples' prompts already, and the task writes its own around
        that; empty where it does not.

        Args:
            tokenizer, reading: see `describe_prompt`.
        """
        return ""

    @abstractmethod
    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "TaskTraining[Any]":
        """The examples as tensors, the model with its head, and what is saved.

        Args:
            settings: the task's own section.

        Raises:
            UserError: where settings, base model and examples do not fit each other.
        """

    def load_model(self, artifact: Path, device: "str | torch.device" = "cpu") -> "TrainableModel":
        """The tuned model in evaluation mode; by default it is a language model."""
        from train.checkpoints.final_model import load_model

        return load_model(artifact, device)

    @abstractmethod
    def trained_model(self, artifact: Path, facts: TaskFacts) -> "TrainedModel":
        """The tuned model with all that export, the comparison with transformers and the model card ask of it.

        Args:
            facts: what task.json says.
        """


class TaskModule(Protocol):
    """A module that a section of `pipeline/config/tasks/` names."""

    TASK: FinetuningTask


def task_of(section: FinetuneConfig | type[FinetuneConfig]) -> FinetuningTask:
    """The task of a `finetune` section."""
    return section.load(TaskModule).TASK
