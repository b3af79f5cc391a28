"""How a model reads a text, put together for the report."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eval.views.attention import attention_of
from eval.views.attribution import attribute, can_attribute
from eval.views.records import View
from eval.views.tokens import readable_tokens, token_name
from pipeline.context import Context
from train.models import LanguageModel, MaskedLanguageModel, TrainableModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MOST_TOKENS = 64
"""Of a text that are shown, from its beginning; fewer of a model with very many heads."""
MOST_WEIGHTS = 1_500_000
"""Attention weights of a text: a byte each in the report."""


def make_views(
    model: TrainableModel,
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    context: Context,
) -> list[View]:
    """Look at texts through a decoder or an encoder; none for other models."""
    if not isinstance(model, LanguageModel | MaskedLanguageModel):
        return []
    views = [view for text in texts if (view := _view(model, tokenizer, text)) is not None]
    if len(views) < len(texts):
        context.log.warning("evaluate.views: a text without any token of this tokenizer is left out")
    if views and isinstance(model, LanguageModel) and not can_attribute():
        context.log.warning(
            "evaluate.views: what a prediction is due to is left out, since captum is not installed; "
            "pip install 'lm-workflow[views]'"
        )
    return views


def _view(
    model: LanguageModel | MaskedLanguageModel, tokenizer: "PreTrainedTokenizerFast", text: str
) -> View | None:
    """None where the tokenizer makes no token of the text."""
    framed = isinstance(model, MaskedLanguageModel)
    read = tokenizer(text, add_special_tokens=framed, return_offsets_mapping=True, verbose=False)
    ids: list[int] = read["input_ids"]
    if not ids:
        return None
    most = min(MOST_TOKENS, model.context)
    attention = attention_of(model, ids[:most])
    if attention is not None:
        per_token = attention.size(0) * attention.size(1) / (1 if framed else 2)
        most = min(most, max(8, int((MOST_WEIGHTS / per_token) ** 0.5)))
        if not framed:
            attention = attention[..., :most, :most]  # of earlier tokens alone: the same with fewer of them
        elif len(ids) > most:
            attention = attention_of(model, ids[:most])
    shown = ids[:most]
    attribution = None
    if isinstance(model, LanguageModel) and can_attribute() and tokenizer.eos_token_id is not None:
        attribution = attribute(model, shown, tokenizer.eos_token_id)
    return View(
        readable_tokens(tokenizer, text, shown, read["offset_mapping"]),
        len(ids) - len(shown),
        0 if attention is None else attention.size(0),
        0 if attention is None else attention.size(1),
        not framed,
        "" if attention is None else _packed(attention, causal=not framed),
        token_name(tokenizer, attribution.target) if attribution else "",
        attribution,
    )


def _packed(attention: Tensor, causal: bool) -> str:
    size = attention.size(-1)
    weights = (attention * 255).round().to(torch.uint8)
    if causal:
        rows, columns = torch.tril_indices(size, size)
        weights = weights[..., rows, columns]
    return base64.b64encode(weights.contiguous().numpy().tobytes()).decode()
