"""The mean of an objective's own loss on held-out text, in windows as it was trained on.

What the objective draws at random of a window follows from the seed and the window's number: two models of one
objective, tokenizer and seed are asked for the same tokens.
"""

from collections.abc import Iterator
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
        yield _score(pretrained, text)


def _score(pretrained: PretrainedModel, text: Text) -> Result:
    """The mean over all labels of a text; the interval by resampling its windows."""
    config, objective = pretrained.config.perplexity, pretrained.objective
    window, name = config.context or pretrained.model.context, text.file or f"the {config.split} split"
    check_window(len(text.stream.tokens), name, window, pretrained.model)
    totals, counts = _losses(pretrained, TextTokens(text.stream.tokens, text, name), window, name)
    check_finite(totals, f"pretrain on {text.file}" if text.file else "pretrain", "optim.lr")
    signature = (
        f"{text.source}|tokens:{len(text.stream.tokens)}|documents:joined by eos"
        f"|tokenizer:{text.tokenizer_hash[:12]}|objective:{objective.config.summary()}|context:{window}"
        f"|drawn by:{objective.seed}"
    )
    score = objective.score
    result = pretrained.bootstrap.result(
        "pretrain",
        score.name,
        lambda rows: totals[rows].sum() / max(counts[rows].sum(), 1),
        len(totals),
        signature,
    )
    figures = {score.name: Figure(score.title, score.headline, better=score.better, of_text=True)}
    return replace(shown([result], figures)[0], file=text.file)


def _losses(
    pretrained: PretrainedModel, tokens: TextTokens, window: int, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Summed loss and number of labels of each window."""
    objective, model, size = (
        pretrained.objective,
        pretrained.model,
        pretrained.config.perplexity.batch_size,
    )
    examples = objective.examples(tokens, DataConfig(packing=objective.config.packings[0]), window)
    device = next(model.parameters()).device
    totals, counts = np.zeros(len(examples)), np.zeros(len(examples), np.int64)
    shown_progress = pretrained.context.run.progress
    with (
        progress(f"scoring {name}", len(examples), "windows", enabled=shown_progress) as bar,
        torch.inference_mode(),
    ):
        for first in range(0, len(examples), size):
            indices = np.arange(first, min(first + size, len(examples)))
            batch = {key: t.to(device) for key, t in examples.collate(indices, indices).items()}
            losses = objective.example_losses(model, batch)
            totals[indices] = [float(loss.total) for loss in losses]
            counts[indices] = [int(loss.tokens) for loss in losses]
            bar.advance(len(indices))
    return totals, counts
