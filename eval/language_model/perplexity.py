"""Perplexity of a model on a stream of tokens by a sliding window, per token, word and byte.

The stream is what the model was trained on: documents one after the other, each closed by eos. Every token of
it is scored exactly once, the eos tokens too; the first is predicted from an eos. Windows of `context` tokens
advance by `stride`, and each scores the tokens that the one before did not reach, so that all but the first
window's tokens are predicted from more than `context - stride` tokens of left context.
"""

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch

from eval.language_model.text import check_length
from eval.results import PER_CHARACTER, PERPLEXITIES, Bootstrap, Result, shown
from pipeline.errors import UserError
from train.models import IGNORE_INDEX, LanguageModel, TrainableModel

# Beyond this a word's perplexity says only that the text has no white space, as Chinese has none: even an
# untrained model over bytes spends less on a word.
MOST_NATS_PER_WORD = 100.0


def stream_losses(
    model: LanguageModel,
    tokens: np.ndarray,
    first_history: int,
    context: int,
    stride: int,
    batch_size: int,
) -> Iterator[tuple[int, np.ndarray]]:
    """Cross-entropy in nats of every token, in order: pairs of a position in the stream and float64 losses
    from there.

    Args:
        tokens: integers [N].
        first_history: id that the first token is predicted from.
        context: tokens that the model reads at once.
        stride: tokens scored per window but the first, which scores all of its own.
        batch_size: windows per forward pass; changes the speed only.
    """
    device = next(model.parameters()).device
    windows = 1 + max(0, math.ceil((len(tokens) - context) / stride))
    for first in range(0, windows, batch_size):
        starts = [index * stride for index in range(first, min(first + batch_size, windows))]
        # Of one width whatever the batch and the end of the text: the same kernels, the same rounding.
        inputs = np.full((len(starts), context), first_history, dtype=np.int64)
        labels = np.full((len(starts), context), IGNORE_INDEX, dtype=np.int64)
        for row, start in enumerate(starts):
            end = min(start + context, len(tokens))
            fresh = 0 if start == 0 else context - stride
            # Inputs are one behind the labels; before the stream stands `first_history`.
            inputs[row, start == 0 : end - start] = tokens[max(start - 1, 0) : end - 1]
            labels[row, fresh : end - start] = tokens[start + fresh : end]
        with torch.inference_mode():
            losses = model.token_losses(
                torch.from_numpy(inputs).to(device), torch.from_numpy(labels).to(device)
            )
        scored = labels != IGNORE_INDEX
        yield starts[0] + int(scored[0].argmax()), losses.double().cpu().numpy()[scored]


def document_nats(
    pieces: Iterator[tuple[int, np.ndarray]],
    ends: np.ndarray,
    advance: Callable[[int], None] = lambda tokens: None,
) -> np.ndarray:
    """Sums of the losses per document, float64 [D], from pieces of the stream and the documents' ends in
    it."""
    totals = np.zeros(len(ends))
    for start, losses in pieces:
        documents = np.searchsorted(ends, np.arange(start, start + len(losses)), side="right")
        first = documents[0]
        sums = np.bincount(documents - first, weights=losses)
        totals[first : first + len(sums)] += sums
        advance(len(losses))
    return totals


def check_window(tokens: int, text: str, context: int, model: TrainableModel) -> None:
    """Raises: UserError: where the window is longer than the model's context or than the text, which `text` names."""
    if context > model.context:
        raise UserError(
            f"evaluate.perplexity.context={context} is longer than the {model.context} tokens the model can "
            f"read; set it to at most {model.context}, or leave it out"
        )
    check_length(tokens, text, context)


class Documents(Protocol):
    """How large documents are; see `TokenizedText`."""

    @property
    def ends(self) -> np.ndarray: ...
    @property
    def words(self) -> np.ndarray: ...
    @property
    def bytes(self) -> np.ndarray: ...


def perplexity_results(
    model: str,
    nats: np.ndarray,
    text: Documents,
    bootstrap: Bootstrap,
    signature: str,
    *,
    by_characters: bool = False,
) -> list[Result]:
    """Perplexity per token and per word, and bits per byte; intervals by resampling documents.

    The nats are those of all tokens, eos included, over whatever unit: a model that cuts words finer or
    coarser gets no advantage per word or byte. In a script without spaces a letter counts as a word; the word's is
    left out where other text has none.

    Args:
        by_characters: the text's words are letters, and are called characters.
    """
    tokens = np.diff(text.ends, prepend=0)

    def ratio(units: np.ndarray) -> Callable[[np.ndarray], float]:
        # A resample of documents that are all empty has no rate; max() keeps it finite.
        return lambda rows: nats[rows].sum() / max(units[rows].sum(), 1)

    def result(name: str, units: np.ndarray, scale: Callable[[float], float]) -> Result:
        rate = ratio(units)
        return bootstrap.result(model, name, lambda rows: scale(rate(rows)), len(nats), signature)

    results = [result("perplexity", tokens, math.exp)]
    everything = np.arange(len(nats))
    if text.words.sum() and ratio(text.words)(everything) < MOST_NATS_PER_WORD:
        # A resample may lie far above the value itself.
        results.append(result("word_perplexity", text.words, lambda rate: math.exp(min(rate, 700.0))))
    if text.bytes.sum():
        results.append(result("bits_per_byte", text.bytes, lambda rate: rate / math.log(2)))
    return shown(results, PERPLEXITIES | ({"word_perplexity": PER_CHARACTER} if by_characters else {}))
