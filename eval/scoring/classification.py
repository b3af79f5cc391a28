"""A fine-tuned classifier's labels for the test texts, and their accuracy and macro-averaged F1."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from eval.results import Bootstrap, Figure, Result, shown
from train.finetuning.text_ids import Text, encode_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


FIGURES = {"accuracy": Figure("Accuracy", "accuracy {:.1f}%"), "f1": Figure("F1, macro-averaged")}


def classify(
    model: torch.nn.Module,
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[Text],
    max_length: int,
    batch_size: int,
    advance: Callable[[int], None] = lambda texts: None,
) -> np.ndarray:
    """The likeliest label's index for each text or pair of texts, int64 [N]; read as in training.

    Args:
        model: `forward(input_ids [B, T] padded at the right, lengths [B])` gives logits [B, labels]; of pairs it is
            given token_types [B, T], too.
    """
    device = next(model.parameters()).device
    encoded = encode_texts(texts, tokenizer, max_length)
    rows, types = encoded.input_ids, encoded.token_types
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    labels = np.zeros(len(rows), np.int64)
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        lengths = [len(rows[index]) for index in chosen]
        inputs = {"input_ids": _padded([rows[index] for index in chosen])}
        if types is not None:
            inputs["token_types"] = _padded([types[index] for index in chosen])
        inputs["lengths"] = torch.tensor(lengths)
        with torch.inference_mode():
            logits = model(**{name: tensor.to(device) for name, tensor in inputs.items()})
        labels[chosen] = logits.argmax(-1).cpu().numpy()
        advance(len(chosen))
    return labels


def _padded(rows: Sequence[np.ndarray]) -> torch.Tensor:
    """int64 [B, T], with zeros at the right."""
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True).long()


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
