"""How the architectures of `transformers` read, by what their config.json says: known without importing it."""

from collections.abc import Mapping
from typing import Any, Literal

Reading = Literal["left_to_right", "bidirectional", "encoder_decoder"]

_ENDINGS: dict[str, Reading] = {
    "ForCausalLM": "left_to_right",
    "LMHeadModel": "left_to_right",
    "ForMaskedLM": "bidirectional",
    "ForPreTraining": "bidirectional",
    "ForConditionalGeneration": "encoder_decoder",
}
"""Of the class that `architectures` names."""
_BIDIRECTIONAL = frozenset(
    [
        "albert",
        "bert",
        "big_bird",
        "camembert",
        "convbert",
        "data2vec-text",
        "deberta",
        "deberta-v2",
        "distilbert",
        "electra",
        "ernie",
        "esm",
        "eurobert",
        "flaubert",
        "fnet",
        "funnel",
        "ibert",
        "jina_embeddings_v3",
        "longformer",
        "luke",
        "megatron-bert",
        "mobilebert",
        "modernbert",
        "mpnet",
        "mra",
        "nezha",
        "nomic_bert",
        "nystromformer",
        "rembert",
        "roberta",
        "roberta-prelayernorm",
        "roc_bert",
        "roformer",
        "squeezebert",
        "xlm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
        "yoso",
    ]
)
_ENCODER_DECODER = frozenset(
    [
        "bart",
        "bigbird_pegasus",
        "blenderbot",
        "blenderbot-small",
        "encoder-decoder",
        "fsmt",
        "led",
        "longt5",
        "m2m_100",
        "marian",
        "mbart",
        "mt5",
        "mvp",
        "nllb-moe",
        "pegasus",
        "pegasus_x",
        "plbart",
        "prophetnet",
        "switch_transformers",
        "t5",
        "t5gemma",
        "t5gemma2",
        "umt5",
        "xlm-prophetnet",
    ]
)


_POSITIONS_AFTER_PADDING = frozenset(
    [
        "camembert",
        "data2vec-text",
        "ibert",
        "longformer",
        "luke",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    ]
)
"""Architectures whose first token has the position behind the pad token's id, so they read fewer than they have."""


def longest_sequence(fields: Mapping[str, Any]) -> int | None:
    """Tokens that a model has positions for; None where its config names no number.

    Args:
        fields: the content of config.json.
    """
    names = ("max_position_embeddings", "n_positions", "max_seq_len")
    positions = next((fields[name] for name in names if fields.get(name)), None)
    if positions is not None and fields.get("model_type") in _POSITIONS_AFTER_PADDING:
        return positions - (fields.get("pad_token_id") or 0) - 1
    return positions


def reading_of(fields: Mapping[str, Any]) -> Reading:
    """How a model reads: what its config names first, then what its architecture does where the config leaves it open.

    An architecture that is not known here reads from left to right, as most do.

    Args:
        fields: the content of config.json.
    """
    for name in fields.get("architectures") or ():
        for ending, reading in _ENDINGS.items():
            if str(name).endswith(ending) and not fields.get("is_decoder"):
                return reading
    model_type = fields.get("model_type")
    if fields.get("is_encoder_decoder", model_type in _ENCODER_DECODER):
        return "encoder_decoder"
    if model_type in _BIDIRECTIONAL and not fields.get("is_decoder"):
        return "bidirectional"
    return "left_to_right"
