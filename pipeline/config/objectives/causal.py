"""The settings of causal language modelling."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat

from pipeline.config.base import Fraction
from pipeline.config.data import DataConfig, Packing
from pipeline.config.distillation import DistillConfig
from pipeline.config.models.base import ModelConfig
from pipeline.config.objectives.base import ObjectiveConfig


class CausalConfig(ObjectiveConfig):
    """Each token is predicted from those before it."""

    implementation: ClassVar[str] = "train.objectives.causal"
    packings: ClassVar[tuple[Packing, ...]] = ("concatenate", "mask", "best_fit")
    gives_perplexity: ClassVar[bool] = True

    name: Literal["causal"] = "causal"
    fim_rate: Fraction = 0.0
    """Share of the training documents that are told with their middle last (Bavarian et al., 2022), so that the model
    also learns to write what stands between two texts. The tokenizer must have tokens for it, such as `<|fim_prefix|>`,
    `<|fim_suffix|>` and `<|fim_middle|>` (`tokenizer.special_tokens`)."""
    fim_spm_rate: Fraction = 0.5
    """Share of these that have the suffix before the prefix."""
    z_loss: NonNegativeFloat = 0.0
    """Factor of (log Σ exp(logits))², which is trained on besides and keeps the logits from drifting; PaLM's is 1e-4
    (Chowdhery et al., 2022)."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each label's probability that is spread over all tokens in training (Szegedy et al., 2016). The loss
    that is told stays the plain cross-entropy."""

    @property
    def regularizes(self) -> bool:
        """Whether something is added to the cross-entropy that is trained on."""
        return self.z_loss > 0 or self.label_smoothing > 0

    @property
    def fits_any_tokenizer(self) -> bool:
        return self.fim_rate == 0

    def summary(self) -> str:
        extras = (
            ("fill-in-the-middle", self.fim_rate),
            ("z-loss", self.z_loss),
            ("label smoothing", self.label_smoothing),
        )
        return ", ".join([self.choice, *(f"{name} {value:g}" for name, value in extras if value)])

    def distill_misfits(self, model: ModelConfig, distill: DistillConfig) -> Iterator[str]:
        if distill.cache and self.fim_rate:
            yield (
                "pretrain.distill.cache keeps what the teacher says of each text once, and objective.fim_rate tells a "
                "text in another order each time; set pretrain.distill.cache=false, or objective.fim_rate=0"
            )
        if self.regularizes:
            yield (
                "pretrain.distill already softens the labels; set objective.z_loss and objective.label_smoothing to 0, "
                "or leave it out"
            )
        if not model.regularizes:
            yield (
                f"model.family={model.choice} does not add to the loss, so it cannot learn from a teacher; leave "
                "pretrain.distill out, or choose another family"
            )

    def misfits(self, model: ModelConfig, data: DataConfig) -> Iterator[str]:
        yield from super().misfits(model, data)
        if self.regularizes and not model.regularizes:
            yield (
                f"model.family={model.choice} does not add to the loss; leave objective.z_loss and "
                "objective.label_smoothing at 0, or choose another family"
            )
        if self.fim_rate and data.packing == "best_fit":
            yield (
                "objective.fim_rate needs windows, whose length stays what it is, and data.packing=best_fit packs "
                "whole documents; set data.packing=mask, which keeps documents apart too"
            )

    def examples_in(self, tokens: int, length: int) -> int:
        """One token more than the windows hold is the label of the last."""
        return (tokens - 1) // length
