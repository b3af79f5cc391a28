"""How a pretrained model is scored on held-out text: a module for each way, which an objective names.

A module has `evaluate(pretrained)`, which gives results. Objectives whose mean loss is the score share `mean_loss`.
"""

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from eval.language_model.document_scores import DocumentScores
from eval.language_model.measure import Text
from eval.results import Bootstrap, Result
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.module_protocols import as_protocol
from pipeline.context import Context
from train.models import TrainableModel
from train.objectives import Objective


@dataclass(frozen=True)
class PretrainedModel:
    """A pretrained model, and what it is to be scored on."""

    model: TrainableModel
    objective: Objective
    texts: Sequence[Text]
    """The held-out split, and then each file of `evaluate.perplexity.files`."""
    config: EvaluateConfig
    bootstrap: Bootstrap
    context: Context
    kept: list[DocumentScores] | None = None
    """Gets what each document costs the model, where that has a meaning."""


class EvaluationModule(Protocol):
    """A module of this folder, or of a plugin."""

    @staticmethod
    def evaluate(pretrained: PretrainedModel) -> Iterable[Result]: ...


def evaluate_objective(pretrained: PretrainedModel) -> Iterable[Result]:
    """The figures of the model on held-out text.

    Raises:
        UserError: where a text is too short, or the model's training has diverged.
    """
    module = as_protocol(importlib.import_module(pretrained.objective.evaluation), EvaluationModule)
    return module.evaluate(pretrained)
