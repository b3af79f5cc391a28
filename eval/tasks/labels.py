"""Labels that the fine-tuned classifier gives the test texts: accuracy and macro-averaged F1."""

from collections.abc import Sequence

import numpy as np

from eval.results import Bootstrap, Result
from eval.scoring.classification import classification_results, classify
from eval.tasks import Prediction, TunedModel
from pipeline.config.evaluation import EvaluateConfig
from pipeline.errors import UserError
from pipeline.progress import progress


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """Label each test text and score the labels.

    Raises:
        UserError: where a test example has a label that the classifier was not trained on.
    """
    examples, labels = tuned.test_rows(), tuned.facts["labels"]
    for number, row in enumerate(examples, 1):
        if row["label"] not in labels:
            raise UserError(
                f"test example {number} has the label {row['label']!r}, which no training example has "
                f"(labels: {', '.join(labels)}); correct the test file"
            )
    texts = [row["text"] for row in examples]
    with progress("classifying", len(texts), "examples", enabled=tuned.context.run.progress) as bar:
        predicted = classify(
            tuned.model,
            tuned.tokenizer,
            texts,
            tuned.facts["max_length"],
            tuned.config.decode.batch_size,
            bar.advance,
        )
    expected = np.array([labels.index(row["label"]) for row in examples])
    rows: list[Prediction] = [
        {"prompt": text, "prediction": labels[index], "references": [row["label"]]}
        for text, index, row in zip(texts, predicted, examples, strict=True)
    ]
    return classification_results("finetune", predicted, expected, labels, tuned.bootstrap), rows


def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]:
    """The figures of labels that were given before, such as those of another run."""
    names = sorted({label for row in rows for label in (row["prediction"], *row["references"])})
    predicted = np.array([names.index(row["prediction"]) for row in rows])
    expected = np.array([names.index(row["references"][0]) for row in rows])
    return classification_results("finetune", predicted, expected, names, bootstrap)
