"""Our encoder's settings."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.config.models.base import Reading
from pipeline.config.models.pair_head import PairHeadConfig


class EncoderConfig(PairHeadConfig):
    """Our own encoder, in the layout of a Hugging Face class it exports to. It learns by `objective=masked`."""

    implementation: ClassVar[str] = "train.models.encoder.family"
    gives_hidden_states: ClassVar[bool] = True
    does_all: ClassVar[bool] = True
    readings: ClassVar[tuple[Reading, ...]] = ("bidirectional",)

    family: Literal["encoder"] = "encoder"
    layout: Literal["bert", "modernbert"] = "bert"
    """`bert`: norms after each sum, learned positions, GELU, biases (Devlin et al., 2019). `modernbert`: norms before,
    RoPE, gated GELU, no biases, most layers with local attention (Warner et al., 2024)."""
    layers: PositiveInt = 4
    hidden: PositiveInt = 256
    """Width of the residual stream."""
    heads: PositiveInt = 4
    mlp: PositiveInt | None = None
    """Inner width of the MLP; None means 4 × hidden for bert, else 1.5 × hidden rounded up to 32."""
    context: PositiveInt = 256
    """Longest sequence the model can read, in tokens."""
    token_types: PositiveInt = 2
    """Embeddings that tell the texts of a pair apart (bert)."""
    window: PositiveInt = 128
    """Tokens that local attention sees, half of them on each side (modernbert)."""
    global_every: PositiveInt = 3
    """Every so many layers, from the first on, one attends to the whole sequence (modernbert)."""
    rope_theta: PositiveFloat = 160_000.0
    """Of those layers."""
    local_rope_theta: PositiveFloat = 10_000.0
    """Of the layers with local attention."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    tie_embeddings: bool = True
    norm_eps: PositiveFloat | None = None
    """None means 1e-12 for bert, else 1e-5."""
    init_std: PositiveFloat = 0.02
    """Standard deviation of the initial weights; with modernbert residual projections get it / sqrt(2 × layers)."""

    @property
    def without_effect(self) -> frozenset[str]:
        if self.layout == "modernbert":
            return frozenset({"token_types"})
        return frozenset({"window", "global_every", "rope_theta", "local_rope_theta"})

    @property
    def head_width(self) -> int:
        return self.hidden // self.heads

    @property
    def mlp_width(self) -> int:
        if self.mlp is not None:
            return self.mlp
        return 4 * self.hidden if self.layout == "bert" else math.ceil(1.5 * self.hidden / 32) * 32

    @property
    def epsilon(self) -> float:
        """Of the norms."""
        return self.norm_eps or (1e-12 if self.layout == "bert" else 1e-5)

    @property
    def residual_std(self) -> float:
        """Initial standard deviation of the matrices that write to the residual stream."""
        return self.init_std if self.layout == "bert" else self.init_std / math.sqrt(2 * self.layers)

    def is_local(self, layer: int) -> bool:
        """Whether a layer, counted from 0, attends to the tokens nearby alone."""
        return self.layout == "modernbert" and layer % self.global_every != 0

    def problems(self) -> list[str]:
        found = []
        if self.hidden % self.heads:
            found.append(f"heads={self.heads} must divide hidden={self.hidden}; change one of them")
        elif self.layout == "modernbert" and self.head_width % 2:
            found.append(
                f"hidden={self.hidden} over heads={self.heads} gives heads of {self.head_width} channels, and rotary "
                "positions turn pairs of them; change one of the two"
            )
        if self.pair_head and (self.layout != "bert" or self.token_types < 2):
            found.append(
                "pair_head=true is of BERT's layout and needs embeddings for both texts of a pair; set layout=bert and "
                "token_types=2, or leave it out"
            )
        return found
