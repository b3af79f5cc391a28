"""The strategy of sharded parameters in torch's own form."""

from typing import Annotated, ClassVar, Literal

from pipeline.config.base import NEUTRAL
from pipeline.config.strategies.base import StrategyConfig


class FSDPStrategy(StrategyConfig):
    """FSDP2: parameters, gradients and the optimizer's state are spread, a block gathered when it runs."""

    implementation: ClassVar[str] = "train.strategies.fsdp"
    suggested: ClassVar[int | None] = 3

    name: Literal["fsdp"] = "fsdp"
    reduce: Annotated[Literal["micro_batch", "step"], NEUTRAL] = "micro_batch"
    """When ranks sum their gradients, where a step takes several micro-batches: after each, so that a rank keeps its
    part of them alone, or once a `step`, which divides what is sent by the number of micro-batches, and until then each
    rank keeps all gradients in fp32."""
