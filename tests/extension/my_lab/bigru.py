"""The settings of a model that reads both sides."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.models import ModelConfig
from pipeline.config.models.base import Reading


class BiGRUConfig(ModelConfig):
    """One layer of gated recurrent units in each direction (Schuster and Paliwal, 1997)."""

    implementation: ClassVar[str] = "my_lab.bigru_model"
    readings: ClassVar[tuple[Reading, ...]] = ("bidirectional",)

    family: Literal["bigru"] = "bigru"
    width: PositiveInt = 32
