"""Which tokens of a text the prediction of the next one is due to."""

import math
from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from eval.views.records import Attribution
from train.models import LanguageModel

STEPS, MOST_STEPS = 32, 512
"""Points of the path at which gradients are taken: more, until the sum is right."""
TOLERANCE = 0.01
"""By which the sum of the attributions may miss the difference, as a share of it, before more points are taken."""
BATCH_TOKENS = 4096
"""That are read at once."""


def can_attribute() -> bool:
    """Whether captum is there, which computes it."""
    return find_spec("captum") is not None


def attribute(model: LanguageModel, ids: Sequence[int], eos_id: int) -> Attribution | None:
    """Integrated gradients of the next token's log-probability (Sundararajan et al., 2017, "Axiomatic Attribution for
    Deep Networks") with respect to the tokens' embeddings, along the straight path from those of `eos_id`; None where
    the model has no such embeddings. Computed by captum.
    """
    from captum.attr import LayerIntegratedGradients

    embedding = _embedding(model)
    if embedding is None:
        return None
    device = next(model.parameters()).device
    text = torch.tensor([list(ids)], device=device)
    nothing = torch.full_like(text, eos_id)
    with torch.no_grad():
        before, after = (_next_log_probabilities(model, each)[0] for each in (nothing, text))
    target = int(after.argmax())

    def prediction(rows: Tensor) -> Tensor:
        return _next_log_probabilities(model, rows)[:, target]

    explained = LayerIntegratedGradients(prediction, embedding)
    difference = float(after[target] - before[target])
    steps, values, error = STEPS, list[float](), math.inf
    while steps <= MOST_STEPS:
        shares = explained.attribute(
            text, nothing, n_steps=steps, internal_batch_size=max(1, BATCH_TOKENS // len(ids))
        )
        assert isinstance(shares, Tensor)  # as of one layer
        values = shares[0].sum(-1).tolist()
        error = abs(sum(values) - difference)
        if error <= TOLERANCE * abs(difference):
            break
        steps *= 2
    return Attribution(
        target, float(after[target]), float(after[target].exp()), float(before[target]), values, error
    )


def _next_log_probabilities(model: LanguageModel, ids: Tensor) -> Tensor:
    """Of each token after the texts, [B, V]."""
    logits = model(ids)
    assert isinstance(logits, Tensor)
    return logits[:, -1].float().log_softmax(-1)


def _embedding(model: LanguageModel) -> nn.Embedding | None:
    """The one of the tokens."""
    found = (module for module in model.modules() if isinstance(module, nn.Embedding))
    return next((module for module in found if module.num_embeddings == model.vocab_size), None)
