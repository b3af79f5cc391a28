"""By what the checkpoints of fine-tuning are compared, and when it ends early."""

from typing import ClassVar

from pydantic import PositiveInt

from pipeline.config.base import Section


class MonitorConfig(Section):
    """What decides which checkpoint is the best one, and whether training goes on."""

    implementation: ClassVar[str] = "eval.validation"
    """The module that scores validation examples as evaluation scores those of the test."""

    metric: str = "loss"
    """`loss`, or a metric of the task by the name that its results have: `f1`, `accuracy`, `exact_match`, `bleu`, and
    of preferences `margin`. A wrong name is told before training, with those that the task has."""
    patience: PositiveInt | None = None
    """Validations in a row that bring no better value, after which training ends; None trains all steps. It ends with
    the weights of that step; `export.weights=best` takes the best ones."""
    examples: PositiveInt | None = 200
    """Validation examples that are scored, from the first; None takes all. The loss, and what a task tells beside it,
    are those of `finetune.trainer.validation_sequences`."""
    max_new_tokens: PositiveInt = 64
    """Tokens after which a text that is scored ends at the latest; they are written greedily."""

    @property
    def active(self) -> bool:
        """Whether it does more than what is done anyway: keep the checkpoint of the lowest loss."""
        return self.metric != "loss" or self.patience is not None
