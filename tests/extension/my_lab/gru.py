"""The settings of a model."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.models import ModelConfig


class GRUConfig(ModelConfig):
    """One layer of gated recurrent units (Cho et al., 2014)."""

    implementation: ClassVar[str] = "my_lab.gru_model"

    family: Literal["gru"] = "gru"
    width: PositiveInt = 32
