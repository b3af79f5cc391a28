"""Simple preference optimization."""

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveFloat

from pipeline.config.tasks.preferences import PreferenceConfig


class SimPOConfig(PreferenceConfig):
    """Simple preference optimization (Meng et al., 2024), from prompt/chosen/rejected examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.simpo"

    task: Literal["simpo"] = "simpo"
    """Pairs of answers: the mean log-probability per token is the reward; there is no reference."""
    beta: PositiveFloat = 2.0
    """The factor of the reward."""
    gamma: NonNegativeFloat = 1.0
    """By how much the chosen answer's reward is to be the greater one."""
