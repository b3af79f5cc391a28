"""Our decoder's settings."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from pipeline.config.models.base import ModelConfig
from pipeline.config.models.rope_scaling import RopeScalingConfig

LayerType = Literal["sliding_attention", "full_attention"]


class DecoderConfig(ModelConfig):
    """Our own decoder-only transformer, in the layout of a Hugging Face class it exports to."""

    implementation: ClassVar[str] = "train.models.decoder.family"
    gives_hidden_states: ClassVar[bool] = True
    does_all: ClassVar[bool] = True
    regularizes: ClassVar[bool] = True

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
    rope_scaling: RopeScalingConfig | None = None
    """Stretches rotary positions for texts that are longer than those of an earlier training; None leaves them."""
    sliding_window: PositiveInt | None = None
    """Tokens that a token of a local layer sees, itself included (qwen3); None means that no layer is local."""
    layer_types: list[LayerType] = ["sliding_attention", "full_attention"]
    """With a `sliding_window`: which layers are local, from the first on, and then over again."""
    experts: PositiveInt | None = None
    """Experts in each layer, of which a token passes `experts_per_token` (qwen3); None means one MLP for all tokens."""
    experts_per_token: PositiveInt = 2
    expert_mlp: PositiveInt | None = None
    """Inner width of an expert; None means the MLP's divided by `experts_per_token`, rounded up to 8: a token then
    costs what it costs without experts."""
    norm_topk_prob: bool = True
    """Whether the shares of a token's experts are made to sum to 1."""
    balance_loss: NonNegativeFloat = 0.01
    """Factor of the loss that spreads tokens over the experts (Fedus et al., 2021); transformers calls it
    `router_aux_loss_coef`."""
    router_z_loss: NonNegativeFloat = 0.001
    """Factor of the mean square of the routers' log Σ exp(logits) (Zoph et al., 2022)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    tie_embeddings: bool = True
    norm_eps: PositiveFloat = 1e-5
    init_std: PositiveFloat = 0.02
    """Standard deviation of the initial weights; residual projections get it / sqrt(2 × layers)."""

    @classmethod
    def left_open(cls, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Rotary positions are computed, so a later training may read longer texts; learned ones are weights."""
        reach = ("context", "rope_theta", "rope_scaling", "sliding_window", "layer_types")
        return ("dropout",) if fields.get("layout") == "gpt2" else ("dropout", *reach)

    @property
    def without_effect(self) -> frozenset[str]:
        experts = {"experts_per_token", "expert_mlp", "norm_topk_prob", "balance_loss", "router_z_loss"}
        return frozenset(
            (experts if self.experts is None else set())
            | ({"layer_types"} if self.sliding_window is None else set())
            | ({"rope_theta"} if self.layout == "gpt2" else set())
        )

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
    def expert_width(self) -> int:
        return self.expert_mlp or math.ceil(self.mlp_width / self.experts_per_token / 8) * 8

    @property
    def residual_std(self) -> float:
        """Initial standard deviation of the matrices that write to the residual stream."""
        return self.init_std / math.sqrt(2 * self.layers)

    @property
    def windows(self) -> list[int | None]:
        """Of each layer how many tokens a token sees, itself included; None where it sees all before it."""
        if self.sliding_window is None:
            return [None] * self.layers
        types = [self.layer_types[layer % len(self.layer_types)] for layer in range(self.layers)]
        return [self.sliding_window if one == "sliding_attention" else None for one in types]

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
            if self.rope_scaling is not None:
                found.append(
                    "layout=gpt2 has no rotary positions to scale; remove rope_scaling or choose llama"
                )
        elif self.head_width % 2:
            found.append(
                f"model.head_size={self.head_width} must be even: rotary positions turn pairs of channels"
            )
        if self.sliding_window is not None and self.layout != "qwen3":
            found.append(
                f"transformers has no sliding windows in layout={self.layout}; remove sliding_window or choose "
                "layout=qwen3"
            )
        found += self._mixture_problems()
        if not self.layer_types:
            found.append("layer_types is empty; name at least one type of layer, or leave it out")
        return found

    def _mixture_problems(self) -> list[str]:
        if self.experts is None:
            return []
        found = []
        if self.layout != "qwen3":
            found.append(f"layout={self.layout} has no experts; remove experts or choose layout=qwen3")
        if self.experts_per_token > self.experts:
            found.append(
                f"experts_per_token={self.experts_per_token} of experts={self.experts}: a token cannot pass more "
                "than there are"
            )
        if self.sliding_window is not None:
            found.append("transformers has no local layers beside experts; remove sliding_window or experts")
        return found
