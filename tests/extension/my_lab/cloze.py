"""The settings of an objective."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.models.base import Reading
from pipeline.config.objectives import ObjectiveConfig


class ClozeConfig(ObjectiveConfig):
    """Some tokens of a text are hidden, and predicted from all others (Devlin et al., 2019)."""

    implementation: ClassVar[str] = "my_lab.cloze_objective"
    reading: ClassVar[Reading] = "bidirectional"

    name: Literal["cloze"] = "cloze"
    share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Of the tokens of a sequence, how many are hidden."""
    mask_token: str = "<|mask|>"

    def summary(self) -> str:
        return f"cloze, {self.share:.0%} of the tokens hidden"
