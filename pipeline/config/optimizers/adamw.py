"""AdamW's settings."""

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.base import Fraction
from pipeline.config.optimizers.base import OptimizerConfig


class AdamWConfig(OptimizerConfig):
    """AdamW (Loshchilov and Hutter, 2019)."""

    implementation: ClassVar[str] = "train.optim.adamw"
    fits_layers: ClassVar[bool] = True

    name: Literal["adamw"] = "adamw"
    betas: tuple[Fraction, Fraction] = (0.9, 0.95)
    eps: PositiveFloat = 1e-8
