"""The next token from a model's logits: the likeliest, or one that is drawn."""

import torch
from torch import Tensor

from pipeline.config.evaluation import SamplingConfig
from pipeline.errors import UserError


def penalize(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits [B, V] in which the tokens seen before (bool [B, V]) are less likely (Keskar et al., 2019: CTRL).

    What is positive is divided by the penalty, what is negative multiplied with it.
    """
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, lowered, logits)


def sample(logits: Tensor, uniform: Tensor, config: SamplingConfig) -> Tensor:
    """Tokens [B] drawn from logits [B, V] with uniform numbers [B] in [0, 1).

    Temperature, then the `top_k` likeliest, then the fewest likeliest tokens whose probability reaches
    `top_p` (nucleus sampling, Holtzman et al., 2020), then those that are at least `min_p` times as likely as
    the likeliest (Nguyen et al., 2024), in this order as `transformers` has it.

    Raises:
        UserError: where there are no probabilities, since the model's training has diverged.
    """
    ordered, index = (logits.float() / config.temperature).sort(-1, descending=True)
    if config.top_k is not None:
        ordered, index = ordered[:, : config.top_k], index[:, : config.top_k]
    probabilities = ordered.softmax(-1)
    total = probabilities.cumsum(-1)
    if not bool(total[:, -1].isfinite().all()):  # what is not finite stays so in the sums behind it
        raise UserError(
            "no text can be sampled: the model's logits are not finite, so its training has diverged; lower its "
            "learning rate, or see to trainer.guard"
        )
    kept = probabilities
    if config.top_p is not None:
        # A token stays if those before it do not reach top_p; the first always does.
        kept = kept.masked_fill(total - probabilities >= config.top_p, 0.0)
    if config.min_p is not None:
        kept = kept.masked_fill(probabilities < config.min_p * probabilities[:, :1], 0.0)
    if kept is not probabilities:
        total = kept.cumsum(-1)
    drawn = torch.searchsorted(total, (uniform * total[:, -1])[:, None], right=True)
    # Rounding may carry the draw past the last token that is left.
    last = (kept > 0).sum(-1, keepdim=True) - 1
    return index.gather(1, torch.minimum(drawn, last)).squeeze(1)
