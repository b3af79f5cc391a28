"""The strategy of one process."""

from typing import ClassVar, Literal

from pipeline.config.strategies.base import StrategyConfig


class SingleStrategy(StrategyConfig):
    """One process."""

    implementation: ClassVar[str] = "train.strategies.single"
    takes_quantized: ClassVar[bool] = True

    name: Literal["single"] = "single"

    def rank_problems(self, ranks: int, where: str) -> list[str]:
        if ranks == 1:
            return []
        return [
            f"strategy=single cannot use {ranks} ranks ({where}.devices × {where}.nodes); "
            "choose strategy=ddp or one of zero1, zero2, zero3, or one device"
        ]
