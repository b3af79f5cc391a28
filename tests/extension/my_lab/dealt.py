"""The settings of a strategy."""

from typing import ClassVar, Literal

from pipeline.config.strategies import StrategyConfig


class DealtStrategy(StrategyConfig):
    """The parameters are dealt out: each rank steps its own, with the optimizer's states, and tells the others."""

    implementation: ClassVar[str] = "my_lab.dealt_parameters"

    name: Literal["dealt"] = "dealt"
