"""Settings of pruning by weights and activations."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.pruning.base import SparseConfig


class Wanda(SparseConfig):
    """Of each output the weights with the least |weight| × ‖input‖₂, over some training text; block after block, each
    with what the pruned blocks before it give (Wanda; Sun et al., 2023)."""

    implementation: ClassVar[str] = "train.pruning.wanda"

    method: Literal["wanda"] = "wanda"
    samples: PositiveInt = 128
    """Training sequences that the inputs are measured on."""
