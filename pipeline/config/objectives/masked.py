"""The settings of masked language modelling."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat

from pipeline.config.base import Fraction
from pipeline.config.data import DataConfig, Packing
from pipeline.config.models.base import ModelConfig, Reading
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
    pairs: Literal["next_sentence", "sentence_order"] | None = None
    """An example is two texts, cut from one document between two sentences, and the model also judges them: in half of
    the pairs the second text is another document's (`next_sentence`, Devlin et al., 2019), or the two are swapped
    (`sentence_order`, Lan et al., 2020)."""

    def problems(self) -> list[str]:
        found = []
        if self.masked + self.random > 1:
            found.append(
                f"masked={self.masked:g} and random={self.random:g} are more than all predicted tokens; lower one"
            )
        if self.pairs is not None and self.frame is False:
            found.append("pairs puts [SEP] between two texts, and frame=false leaves it out; leave frame out")
        return found

    def misfits(self, model: ModelConfig, data: DataConfig) -> Iterator[str]:
        yield from super().misfits(model, data)
        if self.pairs is not None and not model.judges_pairs:
            yield (
                f"objective.pairs={self.pairs} needs a model with layers that judge a pair of texts; set "
                "model.pair_head=true, which an encoder of BERT's layout knows, and some of model.family=hf"
            )
        if self.pairs is None and model.judges_pairs:
            yield (
                "model.pair_head=true adds layers that nothing trains without objective.pairs; set that to "
                "next_sentence or sentence_order, or leave model.pair_head out"
            )
        if self.pairs is not None and data.packing != "concatenate":
            yield (
                f"objective.pairs={self.pairs} makes each example of one document or two, so data.packing="
                f"{data.packing} has nothing to keep apart; set it to concatenate"
            )

    def target_length(self, length: int) -> int:
        return max(1, round(self.share * length))

    def summary(self) -> str:
        unit = {"token": "", "word": ", whole words", "span": f", spans of {self.span_words:g} words"}[
            self.unit
        ]
        pairs = "" if self.pairs is None else f", pairs for {self.pairs.replace('_', ' ')}"
        return f"masked, {self.share:.0%} of the tokens predicted{unit}{pairs}"
