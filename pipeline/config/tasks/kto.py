"""Kahneman-Tversky optimization."""

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat

from pipeline.config.tasks.base import FieldName
from pipeline.config.tasks.preferences import PreferenceConfig, PreferenceDataConfig


class RatedDataConfig(PreferenceDataConfig):
    """Answers that are good or bad, as jsonl, json, csv, tsv or Parquet files; pairs of answers are taken apart."""

    response_field: FieldName | None = None
    """Field of the answer; None looks for completion, response, answer and output."""
    label_field: FieldName = "label"
    """Field that says whether the answer is a good one: true or false. Rows without it must be pairs."""

    def problems(self) -> list[str]:
        return self.pair_problems()


class KTOConfig(PreferenceConfig):
    """Kahneman-Tversky optimization (Ethayarajh et al., 2024), from prompt/completion/label examples or pairs."""

    implementation: ClassVar[str] = "train.finetuning.tasks.kto"

    task: Literal["kto"] = "kto"
    """Answers that are each good or bad, in no pairs: good ones are to become likelier than they were when training
    began, bad ones less likely."""
    data: RatedDataConfig = RatedDataConfig()
    desirable_weight: NonNegativeFloat = 1.0
    """Weight of good answers; the paper's advice is to balance the two kinds, where there are many more of one."""
    undesirable_weight: NonNegativeFloat = 1.0
    """Weight of bad answers."""

    def environment(self) -> dict[str, str]:
        """How far the model has moved is estimated in each part of a step, so their number changes the result."""
        parts = self.trainer.accumulation
        return {"kto micro-batches per step": str(parts)} if parts > 1 else {}
