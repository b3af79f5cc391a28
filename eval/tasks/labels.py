"""Labels, or numbers, that the fine-tuned classifier gives the test texts, beside what it would always say."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from eval.results import CONFUSION, Bootstrap, Figure, Result
from eval.scoring.classification import label_logits
from eval.scoring.label_scores import MULTI, SINGLE, classification_results, confusion, multi_label_results
from eval.scoring.number_scores import FIGURES as NUMBERS
from eval.scoring.number_scores import number_results
from eval.tasks import Prediction, TunedModel
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.tasks.classify import ClassifyConfig
from pipeline.errors import UserError
from pipeline.progress import progress
from pipeline.store.artifacts import write_json
from train.finetuning.data import Splits
from train.finetuning.facts import TestRow
from train.finetuning.label_rows import LabelledText
from train.finetuning.labels import find_labels
from train.finetuning.text_ids import Text, encode_texts

BASELINE = "most_frequent_label"
"""What the results call the baseline that gives all texts the label that most training examples have."""
MOST_LABELS = 40
"""In a confusion matrix; with more nobody reads it."""


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """Label each test text and score the labels.

    Raises:
        UserError: where a test example has a label that the classifier was not trained on.
    """
    rows = tuned.test_rows()
    kind = tuned.facts.get("kind", "single")
    expected = None if kind == "regression" else _expected(rows, tuned.facts["labels"])
    texts = [_text(row) for row in rows]
    with progress("classifying", len(texts), "examples", enabled=tuned.context.run.progress) as bar:
        encoded = encode_texts(texts, tuned.tokenizer, tuned.facts["max_length"])
        logits = label_logits(tuned.model, encoded, tuned.config.decode.batch_size, bar.advance)
    logits = logits.astype(np.float64)
    if expected is None:
        return _numbers(tuned, rows, logits[:, 0])
    return (_single if kind == "single" else _several)(tuned, rows, logits, expected)


def figures(settings: ClassifyConfig, splits: Splits) -> dict[str, Figure]:
    """Of labels or of numbers, whichever the training examples have; what needs probabilities is not among them."""
    kind = find_labels(cast(list[LabelledText], splits.train), settings).kind
    told = {"single": SINGLE, "multi": MULTI, "regression": NUMBERS}[kind]
    return {name: figure for name, figure in told.items() if name != "auroc"}


def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]:
    """The figures of labels that were given before, such as those of another run."""
    if "value" in rows[0]:
        pairs = np.array([(row.get("value", 0.0), float(row["references"][0])) for row in rows])
        return number_results("finetune", pairs[:, 0], pairs[:, 1], bootstrap)
    if "labels" in rows[0]:
        given: list[list[str]] = [row.get("labels") or [] for row in rows]
        wanted: list[list[str]] = [row.get("expected_labels") or [] for row in rows]
        names = sorted({name for labels in (*given, *wanted) for name in labels})
        return multi_label_results("finetune", _flags(given, names), _flags(wanted, names), names, bootstrap)
    names = sorted({label for row in rows for label in (row["prediction"], *row["references"])})
    predicted = np.array([names.index(row["prediction"]) for row in rows])
    expected = np.array([names.index(row["references"][0]) for row in rows])
    return classification_results("finetune", predicted, expected, names, bootstrap)


def _expected(rows: Sequence[TestRow], labels: Sequence[str]) -> list[list[str]]:
    expected = [row["labels"] if "labels" in row else [row["label"]] for row in rows]
    for number, names in enumerate(expected, 1):
        for name in names:
            if name not in labels:
                raise UserError(
                    f"test example {number} has the label {name!r}, which no training example has "
                    f"(labels: {', '.join(labels)}); correct the test file"
                )
    return expected


def _text(row: TestRow) -> Text:
    return (row["text"], row["second"]) if "second" in row else row["text"]


def _prompt(row: TestRow) -> str:
    return f"{row['text']}\n{row['second']}" if "second" in row else row["text"]


def _single(
    tuned: TunedModel, rows: Sequence[TestRow], logits: np.ndarray, expected: list[list[str]]
) -> tuple[list[Result], list[Prediction]]:
    labels: list[str] = tuned.facts["labels"]
    wanted = np.array([labels.index(names[0]) for names in expected])
    predicted = logits.argmax(-1)
    results = classification_results("finetune", predicted, wanted, labels, tuned.bootstrap, _softmax(logits))
    if "usual" in tuned.facts:
        usual = np.full(len(rows), labels.index(tuned.facts["usual"][0]))
        results += classification_results(BASELINE, usual, wanted, labels, tuned.bootstrap)
    if len(labels) <= MOST_LABELS:
        counts = confusion(predicted, wanted, len(labels)).tolist()
        write_json(tuned.context.folder / CONFUSION, {"labels": labels, "counts": counts})
    return results, [
        {"prompt": _prompt(row), "prediction": labels[index], "references": names}
        for row, index, names in zip(rows, predicted, expected, strict=True)
    ]


def _several(
    tuned: TunedModel, rows: Sequence[TestRow], logits: np.ndarray, expected: list[list[str]]
) -> tuple[list[Result], list[Prediction]]:
    labels: list[str] = tuned.facts["labels"]
    wanted, predicted = _flags(expected, labels), logits > 0
    scores = 1 / (1 + np.exp(-logits))
    results = multi_label_results("finetune", predicted, wanted, labels, tuned.bootstrap, scores)
    if "usual" in tuned.facts:
        usual = _flags([tuned.facts["usual"]] * len(rows), labels)
        results += multi_label_results(BASELINE, usual, wanted, labels, tuned.bootstrap)
    predictions: list[Prediction] = []
    for row, flags, names in zip(rows, predicted, expected, strict=True):
        given = [label for label, flag in zip(labels, flags, strict=True) if flag]
        predictions.append(
            {
                "prompt": _prompt(row),
                "prediction": ", ".join(given),
                "references": [", ".join(sorted(names, key=labels.index))],
                "labels": given,
                "expected_labels": names,
            }
        )
    return results, predictions


def _numbers(
    tuned: TunedModel, rows: Sequence[TestRow], predicted: np.ndarray
) -> tuple[list[Result], list[Prediction]]:
    expected = np.array([row["value"] for row in rows], dtype=np.float64)
    results = number_results("finetune", predicted, expected, tuned.bootstrap)
    if "usual" in tuned.facts:
        usual = np.full(len(rows), tuned.facts["usual"])
        results += [
            result
            for result in number_results("training_mean", usual, expected, tuned.bootstrap)
            if result.name.endswith("error")  # a constant correlates with nothing
        ]
    return results, [
        {
            "prompt": _prompt(row),
            "prediction": f"{value:.4g}",
            "references": [f"{row['value']:g}"],
            "value": float(value),
        }
        for row, value in zip(rows, predicted, strict=True)
    ]


def _flags(rows: Sequence[Sequence[str]], labels: Sequence[str]) -> np.ndarray:
    """Which labels each row has, bool [N, labels]."""
    return np.array([[label in row for label in labels] for row in rows], dtype=bool)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
