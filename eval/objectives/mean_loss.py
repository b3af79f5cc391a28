"""The mean of an objective's own loss on held-out text, in windows as it was trained on.

What the objective draws at random of a window follows from the seed and the window's number: two models of one
objective, tokenizer and seed are asked for the same tokens.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from eval.language_model.measure import Text, check_finite
from eval.language_model.ngram import ArrayStream
from eval.language_model.perplexity import check_window
from eval.objectives import PretrainedModel
from eval.results import Figure, Result, shown
from pipeline.config.data import DataConfig
from pipeline.progress import progress
from train.data.batches import Examples

LOSS = ""
"""The loss among the names of figures."""


@dataclass(frozen=True)
class TextTokens(ArrayStream):
    """A text as objectives cut it into examples: see `train.data.batches.Tokens`."""

    text: Text
    name: str

    @property
    def eos_id(self) -> int:
        return self.text.stream.eos_id

    @property
    def shared(self) -> None:
        """One process evaluates."""

    def document_starts(self) -> np.ndarray:
        return np.concatenate([[0], self.text.stream.ends])


def evaluate(pretrained: PretrainedModel) -> Iterator[Result]:
    for text in pretrained.texts:
        yield from _score(pretrained, text)


def _score(pretrained: PretrainedModel, text: Text) -> Iterator[Result]:
    """The mean over all labels of a text, and those of the objective's figures; intervals by resampling its windows."""
    objective = pretrained.objective
    examples, window, name = windows_of(pretrained, text)
    sums = _sums(pretrained, examples, name)
    check_finite(sums[LOSS].totals, f"pretrain on {text.file}" if text.file else "pretrain", "optim.lr")
    drawn = f"{signature(pretrained, text, window)}|drawn by:{objective.seed}"
    for figure, score in {LOSS: objective.score, **objective.figures}.items():
        found = pretrained.bootstrap.result(
            "pretrain", score.name, sums[figure].mean_times(score.scale), len(sums[figure].totals), drawn
        )
        shown_as = {score.name: Figure(score.title, score.headline, better=score.better, of_text=True)}
        yield replace(shown([found], shown_as)[0], file=text.file)


def windows_of(pretrained: PretrainedModel, text: Text) -> tuple[Examples, int, str]:
    """The objective's examples of a text, their length in tokens, and what messages call the text.

    Raises:
        UserError: where the text is too short for one, or the length more than the model reads.
    """
    config, objective = pretrained.config.perplexity, pretrained.objective
    window, name = config.context or pretrained.model.context, text.file or f"the {config.split} split"
    check_window(len(text.stream.tokens), name, window, pretrained.model)
    data = DataConfig(packing=objective.config.packings[0])
    return objective.examples(TextTokens(text.stream.tokens, text, name), data, window), window, name


def signature(pretrained: PretrainedModel, text: Text, window: int) -> str:
    """All of text, windows and objective that two values must share to be comparable, but for what is drawn."""
    return (
        f"{text.source}|tokens:{len(text.stream.tokens)}|documents:joined by eos"
        f"|tokenizer:{text.tokenizer_hash[:12]}|objective:{pretrained.objective.config.summary()}|context:{window}"
    )


@dataclass(frozen=True)
class _Sums:
    """A figure's sum over each window, and the number that it is to be divided by."""

    totals: np.ndarray
    counts: np.ndarray

    def mean_times(self, scale: float) -> Callable[[np.ndarray], float]:
        """The mean over some windows."""
        return lambda rows: scale * self.totals[rows].sum() / max(self.counts[rows].sum(), 1)


def _sums(pretrained: PretrainedModel, examples: Examples, name: str) -> Mapping[str, _Sums]:
    """Of the loss and each of the objective's figures."""
    objective, model = pretrained.objective, pretrained.model
    size = pretrained.config.perplexity.batch_size
    device = next(model.parameters()).device
    names = (LOSS, *objective.figures)
    sums = {each: _Sums(np.zeros(len(examples)), np.zeros(len(examples))) for each in names}
    shown_progress = pretrained.context.run.progress
    with (
        progress(f"scoring {name}", len(examples), "windows", enabled=shown_progress) as bar,
        torch.inference_mode(),
    ):
        for first in range(0, len(examples), size):
            indices = np.arange(first, min(first + size, len(examples)))
            batch = {key: t.to(device) for key, t in examples.collate(indices, indices).items()}
            losses = objective.example_losses(model, batch)
            for each, of_all in sums.items():
                pairs = [loss[:2] if each == LOSS else loss.figures[each] for loss in losses]
                of_all.totals[indices] = [float(total) for total, _ in pairs]
                of_all.counts[indices] = [float(count) for _, count in pairs]
            bar.advance(len(indices))
    return sums
