"""Scores of labels and numbers, against torchmetrics."""

import numpy as np
import pytest
import torch
from torchmetrics.functional import classification as reference
from torchmetrics.functional.regression import pearson_corrcoef, spearman_corrcoef

from eval.results import Bootstrap
from eval.scoring.label_scores import classification_results, confusion, multi_label_results
from eval.scoring.number_scores import number_results, ranks

ONCE = Bootstrap(0, 0.95, 0)
NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_label_for_each_text(draw):
    for labels in (2, 4):
        names = NAMES[:labels]
        expected = draw.integers(0, labels, 60)
        predicted = np.where(draw.random(60) < 0.6, expected, draw.integers(0, labels, 60))
        scores = draw.random((60, labels)).astype(np.float32)
        scores /= scores.sum(1, keepdims=True)
        results = classification_results("m", predicted, expected, names, ONCE, scores)
        found = {result.name: result.value / 100 for result in results}
        theirs, ours = torch.from_numpy(predicted), torch.from_numpy(expected)
        for name, of in (("f1", "f1_score"), ("precision", "precision"), ("recall", "recall")):
            scored = getattr(reference, f"multiclass_{of}")
            assert found[name] == pytest.approx(
                float(scored(theirs, ours, labels, average="macro")), abs=1e-6
            )
            each = scored(theirs, ours, labels, average="none").tolist()
            assert [found[f"{name}_of_{label}"] for label in names] == pytest.approx(each, abs=1e-6)
        mcc = float(reference.multiclass_matthews_corrcoef(theirs, ours, labels))
        assert found["mcc"] == pytest.approx(mcc, abs=1e-6)
        auroc = float(reference.multiclass_auroc(torch.from_numpy(scores), ours, labels))
        assert found["auroc"] == pytest.approx(auroc, abs=1e-6)
        matrix = reference.multiclass_confusion_matrix(theirs, ours, labels)
        assert confusion(predicted, expected, labels).tolist() == matrix.tolist()


def test_any_number_of_labels(draw):
    expected = draw.random((50, 4)) < 0.4
    predicted = expected ^ (draw.random((50, 4)) < 0.2)
    scores = draw.random((50, 4)).astype(np.float32)
    results = multi_label_results("m", predicted, expected, NAMES, ONCE, scores)
    found = {result.name: result.value / 100 for result in results}
    theirs, ours = torch.from_numpy(predicted.astype(int)), torch.from_numpy(expected.astype(int))
    for name, of in (("f1", "f1_score"), ("precision", "precision"), ("recall", "recall")):
        scored = getattr(reference, f"multilabel_{of}")
        assert found[name] == pytest.approx(float(scored(theirs, ours, 4, average="micro")), abs=1e-6)
    assert found["f1_macro"] == pytest.approx(float(reference.multilabel_f1_score(theirs, ours, 4)), abs=1e-6)
    exact = float(reference.multilabel_exact_match(theirs, ours, 4))
    assert found["exact"] == pytest.approx(exact, abs=1e-6)
    auroc = float(reference.multilabel_auroc(torch.from_numpy(scores), ours, 4))
    assert found["auroc"] == pytest.approx(auroc, abs=1e-6)


def test_numbers(draw):
    expected = np.round(draw.random(40) * 5, 1)  # some are equal
    predicted = np.round(expected + draw.normal(0, 1, 40), 1)
    found = {result.name: result.value for result in number_results("m", predicted, expected, ONCE)}
    pair = torch.from_numpy(predicted), torch.from_numpy(expected)
    assert found["pearson"] / 100 == pytest.approx(float(pearson_corrcoef(*pair)), abs=1e-6)
    assert found["spearman"] / 100 == pytest.approx(float(spearman_corrcoef(*pair)), abs=1e-5)
    assert found["absolute_error"] == pytest.approx(np.abs(predicted - expected).mean())
    assert found["squared_error"] == pytest.approx(np.sqrt(((predicted - expected) ** 2).mean()))
    assert ranks(np.array([3.0, 1.0, 3.0])).tolist() == [1.5, 0, 1.5]


def test_what_never_varies_has_no_correlation():
    same, others = np.full(5, 2.0), np.arange(5.0)
    found = {result.name: result.value for result in number_results("m", same, others, ONCE)}
    assert found["pearson"] == found["spearman"] == 0
    constant = np.zeros(4, dtype=np.int64)
    found = {
        r.name: r.value for r in classification_results("m", constant, np.arange(4) % 2, ["a", "b"], ONCE)
    }
    assert found["mcc"] == 0
    assert found["accuracy"] == 50


def test_a_curve_needs_texts_with_and_without_a_label():
    scores = np.full((3, 2), 0.5)
    results = classification_results("m", np.zeros(3, int), np.zeros(3, int), ["a", "b"], ONCE, scores)
    assert "auroc" not in {result.name for result in results}


def test_intervals_hold_the_value(draw):
    expected = draw.integers(0, 2, 30)
    predicted = np.where(draw.random(30) < 0.7, expected, 1 - expected)
    for result in classification_results("m", predicted, expected, ["a", "b"], Bootstrap(100, 0.95, 0)):
        if result.low is not None:
            assert result.low <= result.value <= result.high
