"""The strategy of whole copies."""

from typing import ClassVar, Literal

from pipeline.config.strategies.base import StrategyConfig


class DDPStrategy(StrategyConfig):
    """Every rank holds the whole model; gradients are averaged."""

    implementation: ClassVar[str] = "train.strategies.ddp"
    takes_quantized: ClassVar[bool] = True

    name: Literal["ddp"] = "ddp"
