"""The settings of causal language modelling."""

from typing import ClassVar, Literal

from pipeline.config.data import Packing
from pipeline.config.objectives.base import ObjectiveConfig


class CausalConfig(ObjectiveConfig):
    """Each token is predicted from those before it."""

    implementation: ClassVar[str] = "train.objectives.causal"
    packings: ClassVar[tuple[Packing, ...]] = ("concatenate", "mask", "best_fit")
    fits_any_tokenizer: ClassVar[bool] = True
    gives_perplexity: ClassVar[bool] = True

    name: Literal["causal"] = "causal"

    def examples_in(self, tokens: int, length: int) -> int:
        """One token more than the windows hold is the label of the last."""
        return (tokens - 1) // length
