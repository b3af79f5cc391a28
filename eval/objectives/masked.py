"""What a masked language model finds of hidden tokens, and its pseudo-perplexity where that is asked for."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from eval.language_model.measure import Text
from eval.objectives import PretrainedModel, mean_loss
from eval.results import Figure, Result, shown
from pipeline.progress import progress
from train.data.batches import Batch
from train.models import TrainableModel
from train.objectives.masked import Masked
from train.objectives.masked_windows import MaskedExamples

NAME = "pseudo_perplexity"
FIGURES = {
    NAME: Figure(
        "Pseudo-perplexity, of masked models alone", "pseudo-perplexity {:.2f}", "lower", of_text=True
    )
}


def evaluate(pretrained: PretrainedModel) -> Iterator[Result]:
    """The mean loss over masked tokens, how many are found, and with `evaluate.perplexity.pseudo_windows` the
    pseudo-perplexity of each text."""
    yield from mean_loss.evaluate(pretrained)
    if pretrained.config.perplexity.pseudo_windows:
        for text in pretrained.texts:
            yield _pseudo_perplexity(pretrained, text)


def _pseudo_perplexity(pretrained: PretrainedModel, text: Text) -> Result:
    """The exponential of the mean loss of all tokens, each hidden alone (Salazar et al., 2020, "Masked Language Model
    Scoring"). Each is predicted from both sides, so it is no perplexity and cannot be compared with one."""
    config, objective = pretrained.config.perplexity, pretrained.objective
    assert isinstance(objective, Masked)
    windows, window, name = mean_loss.windows_of(pretrained, text)
    assert isinstance(windows, MaskedExamples)
    count = min(len(windows), config.pseudo_windows)
    # Spread over the text, and the same ones each time.
    chosen = np.linspace(0, len(windows) - 1, count).round().astype(np.int64)
    totals, counts = np.zeros(count), np.zeros(count)
    with progress(
        f"hiding each token of {name}", count, "windows", enabled=pretrained.context.run.progress
    ) as bar:
        for number, index in enumerate(chosen):
            row = windows.unmasked(int(index))
            losses = token_losses(pretrained.model, objective, row, config.batch_size)
            totals[number], counts[number] = losses.sum(), len(losses)
            bar.advance(1)
    result = pretrained.bootstrap.result(
        "pretrain",
        NAME,
        lambda rows: float(np.exp(totals[rows].sum() / max(counts[rows].sum(), 1))),
        count,
        f"{mean_loss.signature(pretrained, text, window)}|each token hidden alone|windows:{count}",
    )
    return replace(shown([result], FIGURES)[0], file=text.file)


@torch.inference_mode()
def token_losses(model: TrainableModel, objective: Masked, row: Batch, batch_size: int) -> np.ndarray:
    """Cross-entropy in nats of each ordinary token of a row, hidden alone."""
    device = next(model.parameters()).device
    ids = row["input_ids"].to(device)
    ordinary = torch.from_numpy(objective.masker.ordinary).to(device)
    places = ordinary[ids[0]].nonzero()
    losses = []
    for part in places.split(batch_size):
        batch = {name: tensor.to(device).expand(len(part), *tensor.shape[1:]) for name, tensor in row.items()}
        hidden = batch["input_ids"].scatter(1, part, objective.masker.mask_id)
        logits = model(**{**batch, "input_ids": hidden, "places": part})[:, 0].float()
        losses.append(F.cross_entropy(logits, ids[0, part[:, 0]], reduction="none"))
    return torch.cat(losses).double().cpu().numpy() if losses else np.zeros(0)
