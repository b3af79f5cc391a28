"""Settings of pruning whole layers."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.pruning.base import PruneConfig


class Layers(PruneConfig):
    """Whole layers of a decoder, those that change least of what passes through them: of the lowest block influence,
    1 − cosine of a layer's input and output, over some training text (ShortGPT; Men et al., 2024)."""

    implementation: ClassVar[str] = "train.pruning.layers"

    method: Literal["layers"] = "layers"
    drop: PositiveInt = 1
    """How many layers."""
    samples: PositiveInt = 128
    """Training sequences that the influence is measured on."""

    @property
    def drops(self) -> int:
        return self.drop

    def summary(self) -> str:
        return f"layers: {self.drop} of the lowest block influence are taken out"

    def misfits(self, model: ModelConfig) -> list[str]:
        if not isinstance(model, DecoderConfig):
            return [
                f"pretrain.prune.method=layers is of our decoder (model.family=decoder), not of {model.choice}; use "
                "method=wanda or magnitude"
            ]
        if model.sliding_window is not None:
            return [
                "pretrain.prune.method=layers would change which layers are local (model.sliding_window); use "
                "method=wanda or magnitude"
            ]
        return []
