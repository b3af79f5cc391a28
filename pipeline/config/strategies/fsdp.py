"""The strategy of sharded parameters in torch's own form."""

from typing import ClassVar, Literal

from pipeline.config.strategies.base import StrategyConfig


class FSDPStrategy(StrategyConfig):
    """FSDP2: parameters, gradients and the optimizer's state are spread, a block gathered when it runs."""

    implementation: ClassVar[str] = "train.strategies.fsdp"
    suggested: ClassVar[int | None] = 3

    name: Literal["fsdp"] = "fsdp"
