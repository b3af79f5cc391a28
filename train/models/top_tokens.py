"""A teacher's distributions as their likeliest tokens and a rest: what is stored of them, and how it is compared."""

import torch
from torch import Tensor

from train.models.distillation import Divergence, WholeDistribution
from train.models.lm_head import tokens_per_chunk

STORED = torch.float16
"""Type in which log-probabilities are stored. What is not stored is rounded to it likewise: so both are the same."""
LEAST = -1e4
"""Log-probability of what a teacher holds for impossible: finite in `STORED`."""


class TopTokens:
    """The k likeliest tokens of each place, and one bucket for all others: the divergence is that of k + 1 outcomes."""

    def __init__(self, tokens: Tensor, log_probs: Tensor):
        """
        Args:
            tokens: integers [N, k], no two of a row the same.
            log_probs: at the temperature of the comparison, of these tokens and at the end of all others together,
                `STORED` [N, k + 1].
        """
        self.tokens, self.log_probs = tokens, log_probs

    @classmethod
    def of(cls, teacher: WholeDistribution, places: int, k: int) -> "TopTokens":
        """Those of a teacher's first so many places, made a chunk at a time."""
        size = tokens_per_chunk(teacher.vocab_size, teacher.device)
        found = [
            _top(teacher.logits(start, min(size, places - start)), k) for start in range(0, places, size)
        ]
        tokens, log_probs = zip(*found, strict=True)
        return cls(torch.cat(tokens), torch.cat(log_probs))

    def compare(self, scores: Tensor, start: int) -> Divergence:
        rows = slice(start, start + scores.size(0))
        tokens = self.tokens[rows].long()
        # Again to a sum of 1, from which rounding has led away.
        theirs = self.log_probs[rows].float().log_softmax(-1)
        top = scores.amax(-1, keepdim=True)
        shares = (scores - top).exp_()
        likeliest = shares.gather(1, tokens)
        # The rest by itself: as a difference it would be lost where the likeliest have nearly all.
        shares.scatter_(1, tokens, 0.0)
        rest = shares.sum(-1, keepdim=True).clamp_min_(torch.finfo(shares.dtype).tiny)
        partition = likeliest.sum(-1, keepdim=True) + rest
        log_partition = partition.log()
        ours = torch.cat([scores.gather(1, tokens) - top, rest.log()], -1) - log_partition
        probs = theirs.exp()
        total = (probs * (theirs - ours)).sum(-1, keepdim=True)
        # d total / d score is q − p of the likeliest; of the others q − p(rest) · q / q(rest).
        shares.mul_(1 / partition - probs[:, -1:] / rest)
        return Divergence(total, shares.scatter_(1, tokens, likeliest / partition - probs[:, :-1]))


def _top(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Tokens, int32 [n, k], and log-probabilities, `STORED` [n, k + 1], of logits [n, V]."""
    log_probs = logits.log_softmax(-1)
    likeliest, tokens = log_probs.topk(k, dim=-1)
    rest = log_probs.scatter(1, tokens, -torch.inf).logsumexp(-1, keepdim=True)
    return tokens.int(), torch.cat([likeliest, rest], -1).clamp_min_(LEAST).to(STORED)
