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
        advance: given rows (int64 [B · beams], into the previous step's rows, at first the prompts) and each one's
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
    finished = _Finished(batch, beams, new_tokens, device)
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

        ending = (top / length**length_penalty).masked_fill(~ends | done[:, None], NEVER)
        ending[:, beams:] = NEVER
        finished.add(extended, ending)
        scores, kept = torch.where(ends, top + NEVER, top).topk(beams)
        running, source, token = _rows(extended, kept), source.gather(1, kept), token.gather(1, kept)
        done |= finished.outrank(scores[:, 0] / length**length_penalty)
        if length == new_tokens or bool(done.all()):
            break
        # The first step's rows are the prompts, later ones their beams.
        rows = first_row.expand(-1, beams) if length == 1 else first_row * beams + source
        logits = advance(rows.flatten(), token.flatten())
    return [[token for token in row if token >= 0] for row in finished.tokens[:, 0].tolist()]


class _Finished:
    """The best finished hypotheses of each prompt, best first."""

    def __init__(self, batch: int, beams: int, new_tokens: int, device: torch.device):
        self.tokens = torch.full((batch, beams, new_tokens), -1, dtype=torch.long, device=device)
        """int64 [B, beams, new_tokens], filled up with -1."""
        self._scores = torch.full((batch, beams), NEVER, device=device)

    def add(self, extended: Tensor, scores: Tensor) -> None:
        """Take in continuations [B, K, T] with their scores [B, K]: `NEVER` where one has not ended."""
        self._scores, kept = torch.cat([self._scores, scores], 1).topk(self._scores.size(1))
        padded = torch.nn.functional.pad(extended, (0, self.tokens.size(2) - extended.size(2)), value=-1)
        self.tokens = _rows(torch.cat([self.tokens, padded], 1), kept)

    def outrank(self, running: Tensor) -> Tensor:
        """Of which prompts there are `beams` that score no less than the best running one, [B]; bool [B]."""
        worst = self._scores[:, -1]
        return (worst > NEVER / 2) & (running <= worst)


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """values [B, K, T] at index [B, J] → [B, J, T]."""
    return values.gather(1, index[:, :, None].expand(-1, -1, values.size(2)))
