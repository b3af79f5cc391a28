"""Our encoder's config as the Hugging Face config of the class it exports to, and back."""

from typing import Any

from pipeline.config.models.encoder import EncoderConfig
from pipeline.errors import UserError
from train.models.family import ConfigFields

ARCHITECTURES = {"bert": "BertForMaskedLM", "modernbert": "ModernBertForMaskedLM"}


def to_hf_config(
    config: EncoderConfig,
    vocab_size: int,
    *,
    bos_token_id: int | None = None,
    eos_token_id: int | None = None,
    pad_token_id: int | None = None,
) -> ConfigFields:
    """The content of `config.json`, with which `AutoModelForMaskedLM` loads our state dict."""
    fields: ConfigFields = {
        "model_type": config.layout,
        "architectures": ["BertForPreTraining" if config.pair_head else ARCHITECTURES[config.layout]],
        "vocab_size": vocab_size,
        "bos_token_id": bos_token_id,
        "eos_token_id": eos_token_id,
        "pad_token_id": pad_token_id,
        "tie_word_embeddings": config.tie_embeddings,
        "initializer_range": config.init_std,
        "hidden_size": config.hidden,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "max_position_embeddings": config.context,
    }
    if config.layout == "bert":
        return fields | {
            "hidden_act": "gelu",
            "layer_norm_eps": config.epsilon,
            "type_vocab_size": config.token_types,
            "hidden_dropout_prob": config.dropout,
            "attention_probs_dropout_prob": 0.0,
        }
    kinds = ["sliding_attention" if config.is_local(n) else "full_attention" for n in range(config.layers)]
    thetas = {"full_attention": config.rope_theta, "sliding_attention": config.local_rope_theta}
    return fields | {
        # Those that a class of transformers before version 5 reads besides.
        "global_attn_every_n_layers": config.global_every,
        "global_rope_theta": config.rope_theta,
        "local_rope_theta": config.local_rope_theta,
        "rope_parameters": {kind: {"rope_type": "default", "rope_theta": thetas[kind]} for kind in thetas},
        "layer_types": kinds,
        "local_attention": config.window,
        "hidden_activation": "gelu",
        "norm_eps": config.epsilon,
        "norm_bias": False,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "mlp_dropout": config.dropout,
        "embedding_dropout": config.dropout,
        "decoder_bias": True,
        "classifier_bias": False,
        "classifier_activation": "gelu",
        "cls_token_id": None,
        "sep_token_id": None,
    }


def from_hf_config(fields: ConfigFields) -> EncoderConfig:
    """The encoder config for a `config.json`'s content (`PretrainedConfig.to_dict()`).

    Raises UserError for another architecture, or a variant that our encoder does not compute.
    """
    layout = fields.get("model_type")
    if layout not in ARCHITECTURES:
        raise UserError(f"a checkpoint of model_type={layout!r} is none of {', '.join(ARCHITECTURES)}")
    _refuse_variants(fields)
    shared: dict[str, Any] = {
        "layout": layout,
        "layers": fields["num_hidden_layers"],
        "hidden": fields["hidden_size"],
        "heads": fields["num_attention_heads"],
        "mlp": fields["intermediate_size"],
        "context": fields["max_position_embeddings"],
        "tie_embeddings": fields.get("tie_word_embeddings", True),
        "init_std": fields.get("initializer_range", 0.02),
    }
    if layout == "bert":
        return EncoderConfig(
            **shared,
            norm_eps=fields.get("layer_norm_eps", 1e-12),
            token_types=fields.get("type_vocab_size", 2),
            dropout=fields.get("hidden_dropout_prob", 0.1),
        )
    rope = fields["rope_parameters"]
    return EncoderConfig(
        **shared,
        norm_eps=fields.get("norm_eps", 1e-5),
        window=fields["local_attention"],
        global_every=_global_every(fields["layer_types"]) or 1,
        rope_theta=rope["full_attention"]["rope_theta"],
        local_rope_theta=rope["sliding_attention"]["rope_theta"],
        dropout=fields.get("mlp_dropout", 0.0),
    )


def _global_every(kinds: list[str]) -> int | None:
    """How often a layer is global, from the first on; None where it follows another pattern."""
    every = next((n for n, kind in enumerate(kinds[1:], 1) if kind == "full_attention"), len(kinds))
    wanted = ["sliding_attention" if n % every else "full_attention" for n in range(len(kinds))]
    return every if kinds == wanted else None


def _refuse_variants(fields: ConfigFields) -> None:
    modern = fields["model_type"] == "modernbert"
    rope = fields.get("rope_parameters") or {}
    unsupported = {
        "an activation of its own": fields.get("hidden_activation" if modern else "hidden_act", "gelu")
        != "gelu",
        "causal attention": fields.get("is_decoder", False),
        "cross-attention": fields.get("add_cross_attention", False),
        "positions of another kind": fields.get("position_embedding_type", "absolute") != "absolute",
        "a scaled rotary embedding": any(
            part.get("rope_type", "default") != "default" for part in rope.values() if isinstance(part, dict)
        ),
        "biases": modern
        and any(fields.get(f"{part}_bias", False) for part in ("norm", "attention", "mlp", "classifier")),
        "an output matrix without a bias": modern and not fields.get("decoder_bias", True),
        "another order of local layers": modern and _global_every(fields["layer_types"]) is None,
    }
    found = [what for what, present in unsupported.items() if present]
    if found:
        raise UserError(
            f"this {fields['model_type']} checkpoint has {' and '.join(found)}, which our encoder does not "
            "compute; train it with model.family=hf"
        )
