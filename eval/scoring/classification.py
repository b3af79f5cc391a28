"""A fine-tuned classifier's labels for the test texts, and their accuracy and macro-averaged F1."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import torch

from eval.results import Bootstrap, Figure, Result, shown
from pipeline.formats.control_tokens import ControlTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


FIGURES = {"accuracy": Figure("Accuracy", "accuracy {:.1f}%"), "f1": Figure("F1, macro-averaged")}


def classify(
    model: torch.nn.Module,
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    max_length: int,
    batch_size: int,
    advance: Callable[[int], None] = lambda texts: None,
) -> np.ndarray:
    """The likeliest label's index for each text, int64 [N]. Of a longer text the first `max_length` tokens
    are read.

    Args:
        model: `forward(input_ids [B, T] padded at the right, lengths [B])` gives logits [B, labels].
    """
    device = next(model.parameters()).device
    encoded = ControlTokens.of(tokenizer).encode_texts(texts)
    rows = [row[:max_length] or [tokenizer.eos_token_id] for row in encoded]
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    labels = np.zeros(len(rows), np.int64)
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        lengths = [len(rows[index]) for index in chosen]
        ids = torch.zeros((len(chosen), max(lengths)), dtype=torch.long)
        for row, index in enumerate(chosen):
            ids[row, : lengths[row]] = torch.tensor(rows[index])
        with torch.inference_mode():
            logits = model(ids.to(device), torch.tensor(lengths, device=device))
        labels[chosen] = logits.argmax(-1).cpu().numpy()
        advance(len(chosen))
    return labels


def classification_results(
    model: str, predicted: np.ndarray, expected: np.ndarray, labels: Sequence[str], bootstrap: Bootstrap
) -> list[Result]:
    """Accuracy, and the unweighted mean over the labels of each one's F1, in percent.

    Args:
        predicted, expected: indices into `labels`, int64 [N].
    """
    from torchmetrics.functional.classification import multiclass_f1_score

    predictions, targets = torch.from_numpy(predicted), torch.from_numpy(expected)
    hits = predicted == expected

    def macro_f1(rows: np.ndarray) -> float:
        # Labels that neither the texts nor the predictions of a resample have are left out of the mean.
        score = multiclass_f1_score(predictions[rows], targets[rows], len(labels), average="macro")
        return 100 * float(score)

    signature = f"labels:{len(labels)}"
    library = f"torchmetrics|version:{version('torchmetrics')}"
    results = [
        bootstrap.result(
            model, "accuracy", lambda rows: 100 * float(hits[rows].mean()), len(hits), f"exact|{signature}"
        ),
        bootstrap.result(model, "f1", macro_f1, len(hits), f"average:macro|{signature}|{library}"),
    ]
    return shown(results, FIGURES)
