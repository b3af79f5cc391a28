"""Additive attention over what a recurrent model has read (Bahdanau et al., 2015).

The decoder of that paper looks at another text; a language model looks back at its own past outputs (Cheng et al.,
2016; Daniluk et al., 2017), so all positions of a row are computed side by side once the layers have read it.
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from train.models.layers import Linear

QUERIES = 32
"""Whose scores are made at a time. For each pair of tokens there are as many numbers as the scores are wide, so they
are made again in the backward pass."""


class AdditiveAttention(nn.Module):
    """Mixes each output of a layer with what the outputs up to it hold."""

    def __init__(self, hidden: int, width: int):
        super().__init__()
        self.query = Linear(hidden, width, hidden**-0.5)
        self.key = Linear(hidden, width, hidden**-0.5)
        self.score = Linear(width, 1, width**-0.5)
        self.combine = Linear(2 * hidden, hidden, (2 * hidden) ** -0.5)

    def forward(self, outputs: Tensor, past: Tensor, first: Tensor) -> Tensor:
        """tanh of a linear map of output and context, where the context is Σ softmax(v · tanh(W s + U h)) h.

        Args:
            outputs: of the tokens that are read, [B, T, H].
            past: of all tokens so far, these at the end, [B, S, H].
            first: index in `past` of the first that each token sees, int64 [B or 1, T]; the last is itself.
        """
        tokens = outputs.size(1)
        before = past.size(1) - tokens
        queries, keys = self.query(outputs), self.key(past)
        contexts = []
        for start in range(0, tokens, QUERIES):
            rows = slice(start, min(start + QUERIES, tokens))
            end = before + rows.stop
            places = torch.arange(end, device=past.device)
            own = torch.arange(before + start, end, device=past.device)[:, None]
            seen = (places <= own) & (places >= first[:, rows, None])
            given = queries[:, rows], keys[:, :end], past[:, :end], seen
            if torch.is_grad_enabled():
                contexts.append(checkpoint(self._contexts, *given, use_reentrant=False))
            else:
                contexts.append(self._contexts(*given))
        return self.combine(torch.cat((outputs, torch.cat(contexts, 1)), -1)).tanh()

    def _contexts(self, queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
        scores = self.score((queries[:, :, None] + keys[:, None]).tanh()).squeeze(-1)
        return scores.masked_fill(~seen, -torch.inf).softmax(-1) @ values
