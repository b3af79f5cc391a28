"""Direct preference optimization."""

from typing import ClassVar, Literal

from pipeline.config.tasks.preferences import PreferenceConfig


class DPOConfig(PreferenceConfig):
    """Direct preference optimization (Rafailov et al., 2023), from prompt/chosen/rejected examples."""

    implementation: ClassVar[str] = "train.finetuning.tasks.dpo"

    task: Literal["dpo"] = "dpo"
    """Pairs of answers: the chosen one's probability rises against the rejected one's, both measured against the
    model that training begins from."""
