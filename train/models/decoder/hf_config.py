"""Our decoder's config as the Hugging Face config of the class it exports to, and back."""

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.rope_scaling import RopeScalingConfig
from pipeline.errors import UserError
from train.models.family import ConfigFields

ARCHITECTURES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
}
"""The classes of transformers by their `model_type`."""


def to_hf_config(
    config: DecoderConfig,
    vocab_size: int,
    *,
    bos_token_id: int | None = None,
    eos_token_id: int | None = None,
    pad_token_id: int | None = None,
) -> ConfigFields:
    """The content of `config.json`, with which `AutoModelForCausalLM` loads our state dict."""
    model_type = config.layout if config.experts is None else f"{config.layout}_moe"
    fields: ConfigFields = {
        "model_type": model_type,
        "architectures": [ARCHITECTURES[model_type]],
        "vocab_size": vocab_size,
        "bos_token_id": bos_token_id,
        "eos_token_id": eos_token_id,
        "pad_token_id": pad_token_id,
        "tie_word_embeddings": config.tie_embeddings,
        "initializer_range": config.init_std,
        "use_cache": True,
    }
    if config.layout == "gpt2":
        return fields | {
            "n_positions": config.context,
            "n_embd": config.hidden,
            "n_layer": config.layers,
            "n_head": config.heads,
            "n_inner": config.mlp_width,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": config.norm_eps,
            "embd_pdrop": config.dropout,
            "resid_pdrop": config.dropout,
            "attn_pdrop": 0.0,
        }
    return fields | {
        "max_position_embeddings": config.context,
        "hidden_size": config.hidden,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.key_value_heads,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps,
        "rope_parameters": {"rope_theta": config.rope_theta, **_scaling(config)},
        "attention_bias": False,
        "attention_dropout": 0.0,
        **_windows(config),
        **_mixture(config),
    }


def _scaling(config: DecoderConfig) -> ConfigFields:
    scaling = config.rope_scaling
    return {"rope_type": "default"} if scaling is None else scaling.parameters(config.context)


def _windows(config: DecoderConfig) -> ConfigFields:
    if config.sliding_window is None:
        return {}
    types = ["full_attention" if window is None else "sliding_attention" for window in config.windows]
    return {"use_sliding_window": True, "sliding_window": config.sliding_window, "layer_types": types}


def _mixture(config: DecoderConfig) -> ConfigFields:
    if config.experts is None:
        return {}
    return {
        "num_experts": config.experts,
        "num_experts_per_tok": config.experts_per_token,
        "moe_intermediate_size": config.expert_width,
        "norm_topk_prob": config.norm_topk_prob,
        "router_aux_loss_coef": config.balance_loss,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }


def from_hf_config(fields: ConfigFields) -> DecoderConfig:
    """The decoder config for a `config.json`'s content (`PretrainedConfig.to_dict()`).

    Raises UserError for another architecture, or a variant that our decoder does not compute.
    """
    model_type = fields.get("model_type")
    if model_type not in ARCHITECTURES:
        raise UserError(
            f"a checkpoint of model_type={model_type!r} is none of {', '.join(ARCHITECTURES)}, the layouts of "
            "our decoder; train it with model.family=hf"
        )
    _refuse_variants(fields)
    if model_type == "gpt2":
        return DecoderConfig(
            layout="gpt2",
            layers=fields["n_layer"],
            hidden=fields["n_embd"],
            heads=fields["n_head"],
            mlp=fields.get("n_inner") or 4 * fields["n_embd"],
            context=fields["n_positions"],
            norm_eps=fields.get("layer_norm_epsilon", 1e-5),
            dropout=fields.get("resid_pdrop", 0.0),
            tie_embeddings=fields.get("tie_word_embeddings", True),
            init_std=fields.get("initializer_range", 0.02),
        )
    return DecoderConfig(
        layout="llama" if model_type == "llama" else "qwen3",
        layers=fields["num_hidden_layers"],
        hidden=fields["hidden_size"],
        heads=fields["num_attention_heads"],
        kv_heads=fields.get("num_key_value_heads"),
        # Qwen3's own default; Llama's is hidden / heads, as ours.
        head_size=fields.get("head_dim") or (128 if model_type == "qwen3" else None),
        mlp=fields["intermediate_size"],
        context=fields["max_position_embeddings"],
        rope_theta=_rope(fields).get("rope_theta", 10000.0),
        rope_scaling=_read_scaling(fields),
        **_read_windows(fields),
        **_read_mixture(fields),
        norm_eps=fields.get("rms_norm_eps", 1e-6),
        tie_embeddings=fields.get("tie_word_embeddings", False),
        init_std=fields.get("initializer_range", 0.02),
    )


def _rope(fields: ConfigFields) -> ConfigFields:
    """The rotary parameters; transformers before version 5 kept them in two fields."""
    if fields.get("rope_parameters"):
        return fields["rope_parameters"]
    scaling = fields.get("rope_scaling") or {}
    return {"rope_theta": fields.get("rope_theta", 10000.0), **scaling}


def _read_scaling(fields: ConfigFields) -> RopeScalingConfig | None:
    rope = _rope(fields)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    known = {name: rope[name] for name in RopeScalingConfig.model_fields if rope.get(name) is not None}
    return RopeScalingConfig(**known | {"rope_type": kind})


def _read_windows(fields: ConfigFields) -> ConfigFields:
    """`sliding_window` and `layer_types` of our section."""
    if not fields.get("use_sliding_window") or fields.get("sliding_window") is None:
        return {}
    layers, first = fields["num_hidden_layers"], fields.get("max_window_layers", 28)
    types = fields.get("layer_types") or [
        "sliding_attention" if layer >= first else "full_attention" for layer in range(layers)
    ]
    return {"sliding_window": fields["sliding_window"], "layer_types": types}


def _read_mixture(fields: ConfigFields) -> ConfigFields:
    if fields["model_type"] != "qwen3_moe":
        return {}
    return {
        # transformers 5 calls it otherwise in what it writes
        "experts": fields.get("num_experts") or fields["num_local_experts"],
        "experts_per_token": fields["num_experts_per_tok"],
        "expert_mlp": fields["moe_intermediate_size"],
        "norm_topk_prob": fields.get("norm_topk_prob", False),
        "balance_loss": fields.get("router_aux_loss_coef", 0.001),
    }


def _scaling_is_ours(rope: ConfigFields) -> bool:
    kind = rope.get("rope_type", rope.get("type", "default"))
    others = ("mscale", "mscale_all_dim", "partial_rotary_factor")
    ours = kind in ("default", "linear", "yarn", "llama3") and rope.get("truncate", True)
    return ours and not any(rope.get(name) for name in others)


def _refuse_variants(fields: ConfigFields) -> None:
    rope = _rope(fields)
    unsupported = {
        "another scaling of its rotary embedding": not _scaling_is_ours(rope),
        "biases in attention": fields.get("attention_bias", False),
        "biases in the MLP": fields.get("mlp_bias", False),
        "a sliding attention window": fields.get("use_sliding_window", False)
        and fields["model_type"] != "qwen3",
        "an activation of its own": fields.get("activation_function", "gelu_new") != "gelu_new"
        or fields.get("hidden_act", "silu") != "silu",
        "layers without experts": bool(fields.get("mlp_only_layers"))
        or fields.get("decoder_sparse_step", 1) != 1,
        "cross-attention": fields.get("add_cross_attention", False),
        "its own scaling of attention": fields.get("scale_attn_by_inverse_layer_idx", False)
        or not fields.get("scale_attn_weights", True),
    }
    found = [what for what, present in unsupported.items() if present]
    if found:
        raise UserError(
            f"this {fields['model_type']} checkpoint has {' and '.join(found)}, which our decoder does not "
            "compute; train it with model.family=hf"
        )
