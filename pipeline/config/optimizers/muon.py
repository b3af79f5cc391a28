"""Muon's settings."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.base import Fraction
from pipeline.config.optimizers.base import OptimizerConfig


class MuonConfig(OptimizerConfig):
    """Muon (Jordan et al., 2024) for the hidden matrices, AdamW for the rest."""

    implementation: ClassVar[str] = "train.optim.muon"
    fits_layers: ClassVar[bool] = True

    name: Literal["muon"] = "muon"
    muon_lr: PositiveFloat | None = None
    """Peak learning rate of Muon's matrices; None means `lr`, which is AdamW's."""
    embedding_lr: PositiveFloat | None = None
    """Peak learning rate of the input embeddings, where they are not the output matrix, too; None means `lr`. A row is
    seen seldom, so it can take ten times as much."""
    momentum: Fraction = 0.95
    """Muon's Nesterov momentum."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.95)
    """AdamW's, as `eps`."""
    eps: PositiveFloat = 1e-8

    def summary(self) -> str:
        """The optimizer in a few words, for the model card."""
        own = {"matrices": self.muon_lr, "embeddings": self.embedding_lr}
        rates = ", ".join(f"{name} {rate:g}" for name, rate in own.items() if rate)
        return f"{self.name}, peak rate {self.lr:g}{f' ({rates})' if rates else ''}, weight decay {self.weight_decay:g}"
