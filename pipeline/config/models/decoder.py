"""Our decoder's settings."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.config.models.base import ModelConfig


class DecoderConfig(ModelConfig):
    """Our own decoder-only transformer, in the layout of a Hugging Face class it exports to."""

    implementation: ClassVar[str] = "train.models.decoder.family"
    gives_hidden_states: ClassVar[bool] = True
    does_all: ClassVar[bool] = True

    family: Literal["decoder"] = "decoder"
    layout: Literal["gpt2", "llama", "qwen3"] = "llama"
    """`gpt2`: LayerNorm, learned positions, GELU, biases. `llama`: RMSNorm, RoPE, SwiGLU.
    `qwen3`: as llama, with QK-norm and a head size of its own."""
    layers: PositiveInt = 4
    hidden: PositiveInt = 256
    """Width of the residual stream."""
    heads: PositiveInt = 4
    kv_heads: PositiveInt | None = None
    """Key/value heads of grouped-query attention; None means as many as `heads`."""
    head_size: PositiveInt | None = None
    """Channels per head (qwen3 and llama); None means hidden / heads."""
    mlp: PositiveInt | None = None
    """Inner width of the MLP; None means 4 × hidden for gpt2, else 8/3 × hidden rounded up to 32."""
    context: PositiveInt = 256
    """Longest sequence the model can read, in tokens."""
    rope_theta: PositiveFloat = 10000.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    tie_embeddings: bool = True
    norm_eps: PositiveFloat = 1e-5
    init_std: PositiveFloat = 0.02
    """Standard deviation of the initial weights; residual projections get it / sqrt(2 × layers)."""

    @property
    def key_value_heads(self) -> int:
        return self.kv_heads or self.heads

    @property
    def head_width(self) -> int:
        return self.head_size or self.hidden // self.heads

    @property
    def mlp_width(self) -> int:
        if self.mlp is not None:
            return self.mlp
        return 4 * self.hidden if self.layout == "gpt2" else math.ceil(8 * self.hidden / 3 / 32) * 32

    @property
    def residual_std(self) -> float:
        """Initial standard deviation of the matrices that write to the residual stream."""
        return self.init_std / math.sqrt(2 * self.layers)

    def problems(self) -> list[str]:
        found = []
        if self.heads % self.key_value_heads:
            found.append(f"kv_heads={self.kv_heads} must divide heads={self.heads}")
        # transformers' LlamaConfig insists on it even with a head size of its own, and export goes there.
        if self.hidden % self.heads and (self.head_size is None or self.layout == "llama"):
            remedy = "or set head_size" if self.layout == "qwen3" else "change one of them"
            found.append(f"heads={self.heads} must divide hidden={self.hidden}; {remedy}")
        if self.layout == "gpt2":
            if self.key_value_heads != self.heads or self.head_size is not None:
                found.append(
                    "layout=gpt2 has neither kv_heads nor head_size; remove them or choose llama or qwen3"
                )
        elif self.head_width % 2:
            found.append(
                f"model.head_size={self.head_width} must be even: rotary positions turn pairs of channels"
            )
        return found
