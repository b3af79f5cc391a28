"""Our decoder's config as the Hugging Face config of the class it exports to, and back."""

from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from train.models.family import ConfigFields

ARCHITECTURES = {"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def to_hf_config(
    config: DecoderConfig,
    vocab_size: int,
    *,
    bos_token_id: int | None = None,
    eos_token_id: int | None = None,
    pad_token_id: int | None = None,
) -> ConfigFields:
    """The content of `config.json`, with which `AutoModelForCausalLM` loads our state dict."""
    fields: ConfigFields = {
        "model_type": config.layout,
        "architectures": [ARCHITECTURES[config.layout]],
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
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "attention_bias": False,
        "attention_dropout": 0.0,
    }


def from_hf_config(fields: ConfigFields) -> DecoderConfig:
    """The decoder config for a `config.json`'s content (`PretrainedConfig.to_dict()`).

    Raises UserError for another architecture, or a variant that our decoder does not compute.
    """
    layout = fields.get("model_type")
    if layout not in ARCHITECTURES:
        raise UserError(
            f"a checkpoint of model_type={layout!r} is none of {', '.join(ARCHITECTURES)}, the layouts of "
            "our decoder; train it with model.family=hf"
        )
    _refuse_variants(fields)
    if layout == "gpt2":
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
        layout=layout,
        layers=fields["num_hidden_layers"],
        hidden=fields["hidden_size"],
        heads=fields["num_attention_heads"],
        kv_heads=fields.get("num_key_value_heads"),
        # Qwen3's own default; Llama's is hidden / heads, as ours.
        head_size=fields.get("head_dim") or (128 if layout == "qwen3" else None),
        mlp=fields["intermediate_size"],
        context=fields["max_position_embeddings"],
        rope_theta=_rope(fields).get("rope_theta", 10000.0),
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


def _refuse_variants(fields: ConfigFields) -> None:
    rope = _rope(fields)
    unsupported = {
        "a scaled rotary embedding": rope.get("rope_type", rope.get("type", "default")) != "default",
        "biases in attention": fields.get("attention_bias", False),
        "biases in the MLP": fields.get("mlp_bias", False),
        "a sliding attention window": fields.get("use_sliding_window", False),
        "an activation of its own": fields.get("activation_function", "gelu_new") != "gelu_new"
        or fields.get("hidden_act", "silu") != "silu",
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
