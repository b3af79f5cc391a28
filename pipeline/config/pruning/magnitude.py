"""Settings of pruning by magnitude."""

from typing import ClassVar, Literal

from pipeline.config.pruning.base import SparseConfig


class Magnitude(SparseConfig):
    """The weights of least magnitude of each matrix (Han et al., 2015)."""

    implementation: ClassVar[str] = "train.pruning.magnitude"

    method: Literal["magnitude"] = "magnitude"
