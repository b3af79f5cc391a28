"""Our encoder–decoder's config as T5's of transformers, and back."""

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig, Layout
from pipeline.errors import UserError
from train.models.family import ConfigFields

PROJECTIONS: dict[Layout, str] = {"t5": "relu", "t5_v1_1": "gated-gelu"}


def to_hf_config(
    config: EncoderDecoderConfig,
    vocab_size: int,
    *,
    bos_token_id: int | None = None,
    eos_token_id: int | None = None,
    pad_token_id: int | None = None,
) -> ConfigFields:
    """The content of `config.json`, with which `AutoModelForSeq2SeqLM` loads our state dict."""
    return {
        "model_type": "t5",
        "architectures": ["T5ForConditionalGeneration"],
        "is_encoder_decoder": True,
        "vocab_size": vocab_size,
        "bos_token_id": bos_token_id,
        "eos_token_id": eos_token_id,
        "pad_token_id": pad_token_id,
        "decoder_start_token_id": config.start_id,
        "d_model": config.hidden,
        "d_kv": config.head_width,
        "d_ff": config.mlp_width,
        "num_layers": config.layers,
        "num_decoder_layers": config.decoder_depth,
        "num_heads": config.heads,
        "feed_forward_proj": PROJECTIONS[config.layout],
        "relative_attention_num_buckets": config.position_buckets,
        "relative_attention_max_distance": config.farthest,
        "dropout_rate": config.dropout,
        "layer_norm_epsilon": config.norm_eps,
        # transformers scales what goes into the output matrix where this is not false, and nowhere else.
        "tie_word_embeddings": config.tied,
        "scale_decoder_outputs": config.tied,
        "n_positions": config.context,
        "use_cache": True,
    }


def from_hf_config(fields: ConfigFields, context: int | None = None) -> EncoderDecoderConfig:
    """The section for a `config.json`'s content (`PretrainedConfig.to_dict()`).

    Args:
        context: longest source and target; T5 itself has no limit. None takes `n_positions`, or 512 as T5 was trained.

    Raises:
        UserError: for another architecture, or a variant that our model does not compute.
    """
    if fields.get("model_type") != "t5":
        raise UserError(
            f"a checkpoint of model_type={fields.get('model_type')!r} is no T5, the layout of our encoder–decoder; "
            "train it with model.family=hf"
        )
    layouts = {projection: layout for layout, projection in PROJECTIONS.items()}
    if (projection := fields.get("feed_forward_proj", "relu")) not in layouts:
        raise UserError(
            f"this t5 checkpoint has feed_forward_proj={projection!r}, which our encoder–decoder does not compute; "
            "train it with model.family=hf"
        )
    tied = fields.get("scale_decoder_outputs", fields.get("tie_word_embeddings", True))
    return EncoderDecoderConfig(
        layout=layouts[projection],
        layers=fields["num_layers"],
        decoder_layers=fields.get("num_decoder_layers"),
        hidden=fields["d_model"],
        heads=fields["num_heads"],
        head_size=fields["d_kv"],
        mlp=fields["d_ff"],
        context=context or fields.get("n_positions", 512),
        position_buckets=fields.get("relative_attention_num_buckets", 32),
        farthest=fields.get("relative_attention_max_distance", 128),
        dropout=fields.get("dropout_rate", 0.0),
        tie_embeddings=tied,
        norm_eps=fields.get("layer_norm_epsilon", 1e-6),
        start_id=fields.get("decoder_start_token_id") or 0,
    )
