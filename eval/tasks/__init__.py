"""How the fine-tuned model is scored on its task's test examples: a module for each way, which a task names.

A module has `evaluate(tuned) -> (results, predictions)`, a prediction being a row of predictions.jsonl with `prompt`,
`prediction` and `references`, and of a conversation `turns`. Tasks may share a module: all that write text are
scored by `written_text`. Where predictions can be scored without the model, it has
`rescore(predictions, config, bootstrap)` as well, so that two runs can be compared, and `figures(settings, splits)`,
what that always tells of the task's examples, so that training can be judged by it (`eval/validation.py`).
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict

from eval.results import Bootstrap, Figure, Result
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.module_protocols import as_protocol
from pipeline.config.tasks import FinetuneConfig
from pipeline.context import Context
from pipeline.errors import UserError
from train.finetuning.artifact import TEST_FILE, read_test_rows
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.task import FinetuningTask, task_of
from train.models import TrainableModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Prediction(TypedDict):
    """A row of predictions.jsonl."""

    prompt: str
    prediction: str
    references: list[str]
    cut_off: NotRequired[bool]
    """Of a text that a model wrote: whether it had not come to its end at the longest length."""
    turns: NotRequired[list[dict[str, str]]]
    """Of the prompt, where it is a conversation."""
    tags: NotRequired[list[str]]
    """Of the prompt's words, where they are tagged."""
    expected_tags: NotRequired[list[str]]
    labels: NotRequired[list[str]]
    """Of a text that may have several."""
    expected_labels: NotRequired[list[str]]
    no_relation: NotRequired[str]
    """The label that is none, where relations are told."""
    value: NotRequired[float]
    """The number that was given, where one was asked for."""
    part: NotRequired[str]
    """Of several tasks, which one it is of, and what that is."""
    task: NotRequired[str]
    scheme: NotRequired[dict[str, Any]]
    """How tags mark entities: see `train.finetuning.tagging.schemes`."""


@dataclass(frozen=True)
class TunedModel:
    """A fine-tuned model, and how it is to be scored."""

    artifact: Path
    task: FinetuningTask
    facts: TaskFacts
    """What task.json says."""
    model: TrainableModel
    tokenizer: "PreTrainedTokenizerFast"
    config: EvaluateConfig
    bootstrap: Bootstrap
    seed: int
    context: Context
    rows: list[TestRow] | None = None
    """What it is scored on, where that is not the artifact's test examples."""

    def test_rows(self) -> list[TestRow]:
        """As the task wrote them, `evaluate.max_examples` at most.

        Raises:
            UserError: where there is none.
        """
        if self.rows is not None:
            return self.rows
        rows = read_test_rows(self.artifact, self.config.max_examples)
        if not rows:
            raise UserError(
                f"{self.artifact / TEST_FILE} holds no test examples to score; name a file in finetune.data.test, or "
                "give the task more examples to hold some out from"
            )
        return rows


class EvaluationModule(Protocol):
    """A module of this folder, or of a plugin."""

    @staticmethod
    def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]: ...


def evaluate_task(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """The figures of the model's task, and its predictions."""
    return as_protocol(importlib.import_module(tuned.task.evaluation), EvaluationModule).evaluate(tuned)


class FiguresModule(Protocol):
    """A module whose predictions can be scored without the model."""

    figures: Callable[[Any, Splits], Mapping[str, Figure]]


def task_figures(settings: FinetuneConfig, splits: Splits) -> Mapping[str, Figure]:
    """What the predictions of a task's model can be scored by, whatever they are; nothing where they need the model."""
    module = importlib.import_module(task_of(settings).evaluation)
    return as_protocol(module, FiguresModule).figures(settings, splits) if hasattr(module, "figures") else {}


def rescore_task(
    task: FinetuningTask, rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap
) -> list[Result]:
    return rescore(task.evaluation, rows, config, bootstrap)


def rescore(
    module: str, rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap
) -> list[Result]:
    """The figures of predictions as they stand in predictions.jsonl; none where they need the model.

    Args:
        module: that scores the task, as the task names it.
    """
    found = getattr(importlib.import_module(module), "rescore", None)
    return found(rows, config, bootstrap) if found else []
