"""Training on preferences: the answers as tensors, the model in its loss, and the reference."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from pipeline.config.tasks.preferences import PreferenceConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from train.finetuning.base_model import BaseModel
from train.finetuning.chat import PromptFormat
from train.finetuning.data import Example, Splits
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.preferences.examples import AnswerExamples
from train.finetuning.preferences.model import PreferenceModel
from train.finetuning.preferences.objective import PreferenceObjective
from train.finetuning.text_training import TextTraining
from train.models import LanguageModel, TrainableModel, as_language_model
from train.models.weights import Weights
from train.models.wrapped import BODY

if TYPE_CHECKING:
    from train.training_plan import Preparation


class PreferenceTraining(TextTraining[AnswerExamples]):
    """The base model is trained in a wrapper that makes the loss, and saved without it."""

    advice: ClassVar[dict[str, str]] = TextTraining.advice | {
        "cut_examples": "{}: the answers differ only beyond the model's context, so they are left out"
    }
    shortened: ClassVar[frozenset[str]] = TextTraining.shortened | {"cut_examples"}

    def __init__(
        self,
        settings: PreferenceConfig,
        base: BaseModel,
        splits: Splits,
        form: PromptFormat,
        objective: PreferenceObjective,
    ):
        self._objective = objective
        self._chosen = objective.loss_settings(settings)
        super().__init__(settings, base, splits, form)
        self.test = self.encode(splits.test)
        self._sets = {"training": self.train, "validation": self.validation, "test": self.test}
        for name, examples in self._sets.items():
            if not len(examples):
                raise UserError(
                    f"the answers of all {name} examples differ only beyond the {self.length} tokens that "
                    f"{base.name} reads; raise finetune.max_length, or shorten them"
                )

    def encode(self, examples: list[Example]) -> AnswerExamples:
        return self._objective.encode(examples, self.form, self.length)

    def new_model(self) -> PreferenceModel:
        return PreferenceModel(as_language_model(self.base.load()), self._objective.loss(self._chosen))

    def starting_model(self, ranks: int) -> tuple[TrainableModel, Weights | None]:
        return self.new_model(), None  # the reference is known by all of its weights

    def language_model(self, model: nn.Module) -> LanguageModel:
        assert isinstance(model, PreferenceModel)
        return as_language_model(model.backbone)

    def preparation(self, model: TrainableModel, trainer: TrainerConfig) -> "Preparation | None":
        if not self._objective.needs_reference:
            return None
        from train.finetuning.preferences.reference import Reference  # imports Lightning

        return Reference(self._sets, model, trainer)

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        super().save(artifact, {name.removeprefix(BODY): tensor for name, tensor in state.items()})

    def description(self) -> TaskFacts:
        return {**super().description(), "max_length": self.length, "loss": self._chosen}

    def test_rows(self) -> list[TestRow]:
        """With the reference's log-probabilities: so evaluation needs no second model."""
        rows, reference = super().test_rows(), self.test.reference
        found = [rows[number] | self._objective.to_row(self.splits.test[number]) for number in self.test.kept]
        if reference is None:
            return found
        return [row | {"reference": values} for row, values in zip(found, reference.tolist(), strict=True)]

    def counts(self) -> dict[str, int]:
        return super().counts() | {"cut_examples": len(self.splits.train) - len(self.train)}
