"""The settings of an optimizer."""

from typing import ClassVar, Literal

from pipeline.config.base import Fraction
from pipeline.config.optimizers import OptimizerConfig


class SGDConfig(OptimizerConfig):
    """Stochastic gradient descent with momentum."""

    implementation: ClassVar[str] = "my_lab.sgd_torch"

    name: Literal["sgd"] = "sgd"
    momentum: Fraction = 0.9
