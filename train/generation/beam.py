"""Beam search with a length penalty, giving what `transformers` gives with `early_stopping=False`."""

from collections.abc import Callable

import torch
from torch import Tensor

# Far below any log-probability, yet finite: the order among such scores stays defined.
NEVER = -1.0e9


def beam_search(
    logits: Tensor,
    advance: Callable[[Tensor, Tensor], Tensor],
    beams: int,
    new_tokens: int,
    ended: Callable[[Tensor], Tensor],
    endings: int,
    length_penalty: float,
) -> list[list[int]]:
    """The likeliest continuation found for each of B prompts, its stop token included.

    Each step extends the running beams by their likeliest tokens. Extensions that end go to a prompt's
    finished hypotheses if they rank among the first `beams`; the best that do not end run on. A prompt is
    done once it has `beams` finished hypotheses, the worst of them better than the best running one is now.
    Scores are sums of log-probabilities, divided by length ** length_penalty where hypotheses of different
    length are compared (Wu et al., 2016, in the simpler form that became usual).

    Args:
        logits: after the prompts, [B, V].
        advance: given rows (int64 [B · beams], into the previous step's rows, at first the prompts) and each
        one's
            next token [B · beams], reads the tokens and returns the next logits [B · beams, V].
        ended: given the tokens of each continuation so far [B, K, T], whether the last ends it, bool [B, K].
        endings: how many tokens may end a continuation at one place.
    """
    batch, vocab_size = logits.shape
    device = logits.device
    # With this many candidates at least `beams` do not end.
    candidates = (1 + max(1, endings)) * beams
    scores = torch.full((batch, beams), NEVER, device=device)
    scores[:, 0] = 0.0
    running = torch.empty((batch, beams, 0), dtype=torch.long, device=device)
    best = torch.full((batch, beams, new_tokens), -1, dtype=torch.long, device=device)
    best_scores = torch.full((batch, beams), NEVER, device=device)
    done = torch.zeros(batch, dtype=torch.bool, device=device)
    first_row = torch.arange(batch, device=device)[:, None]
    logits = logits.repeat_interleave(beams, 0)
    for length in range(1, new_tokens + 1):
        log_probs = logits.float().log_softmax(-1).view(batch, beams, vocab_size)
        flat = (scores[:, :, None] + log_probs).flatten(1)
        top, index = flat.topk(min(candidates, flat.size(1)))
        source, token = index // vocab_size, index % vocab_size
        extended = torch.cat([_rows(running, source), token[:, :, None]], 2)
        ends = ended(extended) | (length == new_tokens)

        finished = top / length**length_penalty
        finished = finished.masked_fill(~ends | done[:, None], NEVER)
        finished[:, beams:] = NEVER
        merged = torch.cat([best_scores, finished], 1)
        best_scores, kept = merged.topk(beams)
        padded = torch.nn.functional.pad(extended, (0, new_tokens - length), value=-1)
        best = _rows(torch.cat([best, padded], 1), kept)

        scores, kept = torch.where(ends, top + NEVER, top).topk(beams)
        running, source, token = _rows(extended, kept), source.gather(1, kept), token.gather(1, kept)
        full = best_scores[:, -1] > NEVER / 2
        done |= full & (scores[:, 0] / length**length_penalty <= best_scores[:, -1])
        if length == new_tokens or bool(done.all()):
            break
        # The first step's rows are the prompts, later ones their beams.
        rows = first_row.expand(-1, beams) if length == 1 else first_row * beams + source
        logits = advance(rows.flatten(), token.flatten())
    return [[token for token in row if token >= 0] for row in best[:, 0].tolist()]


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """values [B, K, T] at index [B, J] → [B, J, T]."""
    return values.gather(1, index[:, :, None].expand(-1, -1, values.size(2)))
