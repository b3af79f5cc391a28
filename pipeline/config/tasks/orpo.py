"""Odds ratio preference optimization."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.tasks.preferences import PreferenceConfig


class ORPOConfig(PreferenceConfig):
    """Odds ratio preference optimization (Hong et al., 2024), from prompt/chosen/rejected examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.orpo"

    task: Literal["orpo"] = "orpo"
    """Pairs of answers: plain fine-tuning on the chosen ones, and the odds against the rejected ones beside it."""
    beta: PositiveFloat = 0.1
    """The weight of the odds ratio beside the loss of plain fine-tuning; the paper's lambda."""
    optim: OptimizerConfig = AdamWConfig(lr=8e-6, weight_decay=0.0)
