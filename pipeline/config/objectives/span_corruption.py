"""The settings of span corruption."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.models.base import Reading
from pipeline.config.objectives.base import ObjectiveConfig


@dataclass(frozen=True)
class SpanLengths:
    """How a window of text becomes a source and a target: the same for all windows, so that nothing is padded."""

    window: int
    """Tokens of the text."""
    missing: int
    """How many of them are missing from the source."""
    spans: int
    """In how many pieces; each has a sentinel."""

    @property
    def source(self) -> int:
        """Tokens of the source: what is left of the text, the sentinels and eos."""
        return self.window - self.missing + self.spans + 1

    @property
    def target(self) -> int:
        """Tokens of the target: what is missing, each piece behind its sentinel, and eos."""
        return self.missing + self.spans + 1


class SpanCorruptionConfig(ObjectiveConfig):
    """Spans of tokens are missing from a text, and written by the decoder (Raffel et al., 2020)."""

    implementation: ClassVar[str] = "train.objectives.span_corruption"
    reading: ClassVar[Reading] = "encoder_decoder"

    name: Literal["span_corruption"] = "span_corruption"
    noise_density: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Which share of a text's tokens is missing."""
    mean_span: Annotated[float, Field(ge=1)] = 3.0
    """Tokens of a missing piece in the mean."""

    def lengths(self, source: int) -> SpanLengths:
        """The longest window of text of which the encoder reads `source` tokens at most."""
        window = 2
        while self._split(window + 1).source <= source:
            window += 1
        return self._split(window)

    def _split(self, window: int) -> SpanLengths:
        missing = min(max(round(window * self.noise_density), 1), window - 1)
        spans = min(max(round(missing / self.mean_span), 1), missing, window - missing)
        return SpanLengths(window, missing, spans)

    def examples_in(self, tokens: int, length: int) -> int:
        return tokens // self.lengths(length).window

    def target_length(self, length: int) -> int:
        return self.lengths(length).target

    def summary(self) -> str:
        return (
            f"span corruption, {self.noise_density:.0%} of the tokens missing in spans of {self.mean_span:g}"
        )
