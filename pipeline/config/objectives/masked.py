"""The settings of masked language modelling."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat

from pipeline.config.base import Fraction
from pipeline.config.data import Packing
from pipeline.config.models.base import Reading
from pipeline.config.objectives.base import ObjectiveConfig


class MaskedConfig(ObjectiveConfig):
    """Some tokens of a text are hidden, and predicted from all others (Devlin et al., 2019). Others are hidden in each
    epoch."""

    implementation: ClassVar[str] = "train.objectives.masked"
    reading: ClassVar[Reading] = "bidirectional"
    packings: ClassVar[tuple[Packing, ...]] = ("concatenate", "mask")

    name: Literal["masked"] = "masked"
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    """Of the tokens of a sequence, how many are predicted; up to 0.4 helps larger models (Wettig et al., 2023)."""
    unit: Literal["token", "word", "span"] = "token"
    """What is hidden as a whole: a `token`, a `word` with all its tokens, or a `span` of words (Joshi et al., 2020).
    The number of tokens is the same; a word is cut only where no others fill it up."""
    span_words: Annotated[PositiveFloat, Field(ge=1)] = 3.8
    """Mean words of a span; their number is drawn from a geometric distribution."""
    masked: Fraction = 0.8
    """Of the tokens that are predicted, how many become the mask token."""
    random: Fraction = 0.1
    """How many become a random one. The others stay as they are."""
    frame: bool | None = None
    """Put the tokenizer's [CLS] before and its [SEP] behind each sequence; None does so where it has both."""

    def problems(self) -> list[str]:
        if self.masked + self.random > 1:
            return [
                f"masked={self.masked:g} and random={self.random:g} are more than all predicted tokens; lower one"
            ]
        return []

    def target_length(self, length: int) -> int:
        return max(1, round(self.share * length))

    def summary(self) -> str:
        unit = {"token": "", "word": ", whole words", "span": f", spans of {self.span_words:g} words"}[
            self.unit
        ]
        return f"masked, {self.share:.0%} of the tokens predicted{unit}"
