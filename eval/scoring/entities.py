"""Precision, recall and F1 of entities, as conlleval and seqeval count them.

An entity counts as found where type and both ends are those expected (Tjong Kim Sang and De Meulder, 2003).
"""

from collections.abc import Sequence

import numpy as np

from eval.results import Bootstrap, Figure, Result, shown
from train.finetuning.tagging.schemes import Scheme

RIGHT, FOUND, EXPECTED = range(3)
"""Columns of the counts."""


def count_entities(
    predicted: Sequence[Sequence[str]], expected: Sequence[Sequence[str]], scheme: Scheme
) -> tuple[list[str], np.ndarray]:
    """The types of entities in order, and of each sentence and type how many entities are right, found and expected.

    Args:
        predicted, expected: tags of each sentence's words.

    Returns the types, and int64 [sentences, types, 3].
    """
    found = [set(scheme.entities(tags)) for tags in predicted]
    wanted = [set(scheme.entities(tags)) for tags in expected]
    types = sorted({entity.type for entities in (*found, *wanted) for entity in entities})
    place = {type: number for number, type in enumerate(types)}
    counts = np.zeros((len(found), len(types), 3), dtype=np.int64)
    for sentence, (theirs, ours) in enumerate(zip(found, wanted, strict=True)):
        for column, entities in ((RIGHT, theirs & ours), (FOUND, theirs), (EXPECTED, ours)):
            for entity in entities:
                counts[sentence, place[entity.type], column] += 1
    return types, counts


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """In percent, fp64 [..., 3] of counts [..., 3]; 0 where there is nothing to divide by."""
    right, found, expected = (counts[..., column].astype(np.float64) for column in range(3))
    precision = 100 * right / np.maximum(found, 1)
    recall = 100 * right / np.maximum(expected, 1)
    f1 = 200 * right / np.maximum(found + expected, 1)
    return np.stack([precision, recall, f1], axis=-1)


MEASURES = ("precision", "recall", "f1")
MICRO = {
    "precision": Figure("Precision of entities"),
    "recall": Figure("Recall of entities"),
    "f1": Figure("F1 of entities", "entity F1 {:.1f}%"),
    "f1_macro": Figure("F1 of entities, macro-averaged over types"),
}


def entity_results(
    model: str,
    predicted: Sequence[Sequence[str]],
    expected: Sequence[Sequence[str]],
    scheme: Scheme,
    bootstrap: Bootstrap,
) -> list[Result]:
    """Micro-averaged scores with intervals over sentences, the mean of the types' F1, and each type's scores.

    The mean is of the types that are expected or found somewhere, as in seqeval.
    """
    types, counts = count_entities(predicted, expected, scheme)
    signature = f"entities:exact|scheme:{scheme.name}|types:{len(types)}"

    def micro(column: int, rows: np.ndarray) -> float:
        return float(precision_recall_f1(counts[rows].sum((0, 1)))[column])

    def macro(rows: np.ndarray) -> float:
        scores = precision_recall_f1(counts[rows].sum(0))[:, 2]
        return float(scores.mean()) if len(scores) else 0.0

    units = len(counts)
    results = [
        bootstrap.result(model, name, lambda rows, column=column: micro(column, rows), units, signature)
        for column, name in enumerate(MEASURES)
    ]
    results.append(bootstrap.result(model, "f1_macro", macro, units, signature))
    return shown([*results, *_by_type(model, types, counts, signature)], MICRO | _type_figures(types))


def _by_type(model: str, types: Sequence[str], counts: np.ndarray, signature: str) -> list[Result]:
    totals = counts.sum(0)
    scores = precision_recall_f1(totals)
    return [
        Result(
            model,
            f"{name}_of_{type}",
            float(scores[number, column]),
            None,
            None,
            int(totals[number, EXPECTED]),
            signature,
        )
        for number, type in enumerate(types)
        for column, name in enumerate(MEASURES)
    ]


def _type_figures(types: Sequence[str]) -> dict[str, Figure]:
    titles = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
    return {f"{name}_of_{type}": Figure(f"{titles[name]} of {type}") for type in types for name in MEASURES}
