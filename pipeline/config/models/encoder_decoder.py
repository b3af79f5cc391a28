"""Our encoder–decoder's settings."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from pipeline.config.models.base import ModelConfig, Reading

Layout = Literal["t5", "t5_v1_1"]


class EncoderDecoderConfig(ModelConfig):
    """Our own encoder–decoder transformer, in the layout of T5 (Raffel et al., 2020), as which it is exported."""

    implementation: ClassVar[str] = "train.models.encoder_decoder.family"
    readings: ClassVar[tuple[Reading, ...]] = ("encoder_decoder",)
    does_all: ClassVar[bool] = True
    gives_hidden_states: ClassVar[bool] = True

    family: Literal["encoder_decoder"] = "encoder_decoder"
    layout: Layout = "t5_v1_1"
    """`t5`: ReLU, and one matrix for embeddings and output. `t5_v1_1`: gated GELU (Shazeer, 2020), and an output matrix
    of its own. Both: RMSNorm before each part, relative positions, no biases."""
    layers: PositiveInt = 4
    """Blocks of the encoder."""
    decoder_layers: PositiveInt | None = None
    """Blocks of the decoder; None means as many as `layers`."""
    hidden: PositiveInt = 256
    """Width of the residual streams."""
    heads: PositiveInt = 4
    head_size: PositiveInt | None = None
    """Channels per head; None means hidden / heads."""
    mlp: PositiveInt | None = None
    """Inner width of the MLP; None means 4 × hidden for t5, else 8/3 × hidden rounded up to 32."""
    context: PositiveInt = 256
    """Longest text that the encoder reads, and longest that the decoder writes, in tokens each."""
    position_buckets: Annotated[int, Field(ge=4)] = 32
    """How many groups of distances between two tokens have a weight of their own in each head."""
    farthest: PositiveInt = 128
    """The distance in tokens from which on all are in one group."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    tie_embeddings: bool | None = None
    """Whether embeddings and output are one matrix; None means that they are in t5, and not in t5_v1_1."""
    norm_eps: PositiveFloat = 1e-6
    start_id: NonNegativeInt = 0
    """The token that stands before all that the decoder writes. T5 takes its padding, which has this id; here it may be
    any token, since nothing else is in that place."""

    @property
    def decoder_depth(self) -> int:
        """Blocks of the decoder."""
        return self.decoder_layers or self.layers

    @property
    def head_width(self) -> int:
        return self.head_size or self.hidden // self.heads

    @property
    def gated(self) -> bool:
        return self.layout == "t5_v1_1"

    @property
    def tied(self) -> bool:
        return not self.gated if self.tie_embeddings is None else self.tie_embeddings

    @property
    def mlp_width(self) -> int:
        if self.mlp is not None:
            return self.mlp
        return math.ceil(8 * self.hidden / 3 / 32) * 32 if self.gated else 4 * self.hidden

    def problems(self) -> list[str]:
        found = []
        if self.head_size is None and self.hidden % self.heads:
            found.append(f"heads={self.heads} must divide hidden={self.hidden}; or set head_size")
        if self.decoder_depth > self.layers:
            found.append(
                f"model.decoder_layers={self.decoder_layers} is more than layers={self.layers}: transformers' T5, "
                "as which the model is exported, cannot write then; lower it"
            )
        if self.position_buckets % 4:
            found.append(
                f"model.position_buckets={self.position_buckets} must be a multiple of 4: half of them are for each "
                "direction, and half of those for near tokens"
            )
        elif self.farthest <= self.position_buckets // 2:
            found.append(
                f"model.farthest={self.farthest} must be above {self.position_buckets // 2}, half of "
                "model.position_buckets: nearer tokens have a bucket for each distance"
            )
        return found
