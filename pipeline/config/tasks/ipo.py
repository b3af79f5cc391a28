"""Identity preference optimization."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.tasks.preferences import PreferenceConfig


class IPOConfig(PreferenceConfig):
    """Identity preference optimization (Azar et al., 2024), from prompt/chosen/rejected examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.ipo"

    task: Literal["ipo"] = "ipo"
    """Pairs of answers: as dpo, but towards a fixed gap, so that pairs without a doubt are not pressed for ever."""
    beta: PositiveFloat = 0.1
    """How strongly the model is held to what it was; the paper's tau. The gap per token is to be 1 / (2 beta)."""
