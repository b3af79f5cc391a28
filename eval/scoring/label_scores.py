"""Scores of labels: of one for each text, or of any number.

All are computed from counts by label, so that a bootstrap's resamples cost little; the tests compare them with
torchmetrics, which computes the area under the ROC curve itself.
"""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch

from eval.results import Bootstrap, Figure, Result, shown
from eval.scoring.entities import EXPECTED, FOUND, RIGHT, precision_recall_f1

MEASURES = ("precision", "recall", "f1")
SINGLE = {
    "accuracy": Figure("Accuracy", "accuracy {:.1f}%"),
    "f1": Figure("F1, macro-averaged"),
    "precision": Figure("Precision, macro-averaged"),
    "recall": Figure("Recall, macro-averaged"),
    "mcc": Figure("Matthews correlation"),
    "auroc": Figure("Area under the ROC curve"),
}
MULTI = {
    "f1": Figure("F1, micro-averaged", "F1 {:.1f}%"),
    "precision": Figure("Precision, micro-averaged"),
    "recall": Figure("Recall, micro-averaged"),
    "f1_macro": Figure("F1, macro-averaged"),
    "exact": Figure("All labels right"),
    "auroc": Figure("Area under the ROC curve"),
}


def classification_results(
    model: str,
    predicted: np.ndarray,
    expected: np.ndarray,
    labels: Sequence[str],
    bootstrap: Bootstrap,
    probabilities: np.ndarray | None = None,
) -> list[Result]:
    """Of one label for each text, in percent, and each label's scores.

    Means over labels leave out those that neither the texts nor the predictions have.

    Args:
        predicted, expected: indices into `labels`, int64 [N].
        probabilities: of each label, fp32 [N, labels]; None where they are not known, and with them the ROC curve.
    """
    size, units = len(labels), len(expected)

    def matrix(rows: np.ndarray) -> np.ndarray:
        return confusion(predicted[rows], expected[rows], size)

    def mean(column: int, rows: np.ndarray) -> float:
        counts = _counts(matrix(rows))
        there = counts[:, FOUND] + counts[:, EXPECTED] > 0
        return float(precision_recall_f1(counts)[there, column].mean())

    signature = f"labels:{size}"
    results = [
        bootstrap.result(
            model,
            "accuracy",
            lambda rows: 100 * float((predicted == expected)[rows].mean()),
            units,
            f"exact|{signature}",
        )
    ]
    results += [
        bootstrap.result(
            model, name, lambda rows, column=column: mean(column, rows), units, f"average:macro|{signature}"
        )
        for name, column in (("f1", 2), ("precision", 0), ("recall", 1))
    ]
    results.append(bootstrap.result(model, "mcc", lambda rows: matthews(matrix(rows)), units, signature))
    if probabilities is not None:
        results += _auroc(model, probabilities, expected, signature)
    counts = _counts(matrix(np.arange(units)))
    return shown([*results, *_by_label(model, labels, counts, signature)], SINGLE | _figures(labels))


def multi_label_results(
    model: str,
    predicted: np.ndarray,
    expected: np.ndarray,
    labels: Sequence[str],
    bootstrap: Bootstrap,
    probabilities: np.ndarray | None = None,
) -> list[Result]:
    """Of any number of labels for each text, in percent, and each label's scores.

    Args:
        predicted, expected: which labels a text has, bool [N, labels].
        probabilities: as of `classification_results`.
    """
    columns = np.stack([predicted & expected, predicted, expected], axis=-1).astype(np.int64)
    units = len(expected)

    def macro(rows: np.ndarray) -> float:
        counts = columns[rows].sum(0)
        there = counts[:, FOUND] + counts[:, EXPECTED] > 0
        return float(precision_recall_f1(counts)[there, 2].mean()) if there.any() else 0.0

    def micro(column: int, rows: np.ndarray) -> float:
        return float(precision_recall_f1(columns[rows].sum((0, 1)))[column])

    signature = f"labels:{len(labels)},several|threshold:0.5"
    results = [
        bootstrap.result(
            model, name, lambda rows, column=column: micro(column, rows), units, f"average:micro|{signature}"
        )
        for name, column in (("f1", 2), ("precision", 0), ("recall", 1))
    ]
    results.append(bootstrap.result(model, "f1_macro", macro, units, f"average:macro|{signature}"))
    whole = (predicted == expected).all(-1)
    results.append(
        bootstrap.result(model, "exact", lambda rows: 100 * float(whole[rows].mean()), units, signature)
    )
    if probabilities is not None:
        results += _auroc(model, probabilities, expected.astype(np.int64), signature)
    counts = columns.sum(0)
    return shown([*results, *_by_label(model, labels, counts, signature)], MULTI | _figures(labels))


def confusion(predicted: np.ndarray, expected: np.ndarray, labels: int) -> np.ndarray:
    """How often each label (rows) was given each label (columns), int64 [labels, labels]."""
    return np.bincount(expected * labels + predicted, minlength=labels**2).reshape(labels, labels)


def matthews(matrix: np.ndarray) -> float:
    """Matthews' correlation coefficient for any number of labels (Gorodkin, 2004), times 100; 0 where all labels given
    or expected are the same."""
    counts = matrix.astype(np.float64)
    total, right = counts.sum(), np.trace(counts)
    expected, given = counts.sum(1), counts.sum(0)
    spread = (total**2 - given @ given) * (total**2 - expected @ expected)
    return float(100 * (total * right - given @ expected) / np.sqrt(spread)) if spread > 0 else 0.0


def _counts(matrix: np.ndarray) -> np.ndarray:
    """int64 [labels, 3] of a confusion matrix: right, found, expected."""
    counts = np.zeros((len(matrix), 3), dtype=np.int64)
    counts[:, RIGHT], counts[:, FOUND], counts[:, EXPECTED] = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    return counts


def _auroc(model: str, probabilities: np.ndarray, expected: np.ndarray, signature: str) -> list[Result]:
    """Its mean over the labels, each against the others (Fawcett, 2006); nothing where one is missing or has all."""
    from torchmetrics.functional.classification import binary_auroc

    places = expected if expected.ndim == 2 else np.eye(probabilities.shape[1], dtype=np.int64)[expected]
    if not ((places.sum(0) > 0) & (places.sum(0) < len(places))).all():
        return []
    pairs = zip(torch.from_numpy(probabilities).T, torch.from_numpy(places).T, strict=True)
    value = 100 * float(torch.stack([binary_auroc(*pair) for pair in pairs]).mean())
    signature = (
        f"average:macro,one against the others|{signature}|torchmetrics|version:{version('torchmetrics')}"
    )
    return [Result(model, "auroc", value, None, None, len(expected), signature)]


def _by_label(model: str, labels: Sequence[str], counts: np.ndarray, signature: str) -> list[Result]:
    scores = precision_recall_f1(counts)
    return [
        Result(
            model, f"{name}_of_{label}", float(score), None, None, int(counts[number, EXPECTED]), signature
        )
        for number, label in enumerate(labels)
        for name, score in zip(MEASURES, scores[number], strict=True)
    ]


def _figures(labels: Sequence[str]) -> dict[str, Figure]:
    titles = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
    return {
        f"{name}_of_{label}": Figure(f"{titles[name]} of {label}") for label in labels for name in MEASURES
    }
