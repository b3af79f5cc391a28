"""Relations that the fine-tuned model tells between the parts of test texts: micro-averaged without `no_relation`."""

from collections.abc import Sequence

import numpy as np

from eval.results import Bootstrap, Figure, Result, shown
from eval.scoring.classification import label_logits
from eval.scoring.entities import precision_recall_f1
from eval.scoring.label_scores import SINGLE, classification_results
from eval.tasks import Prediction, TunedModel
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.tasks.relate import RelateConfig
from pipeline.progress import progress
from train.finetuning.data import Splits
from train.finetuning.relations.markers import encode_marked, marked
from train.finetuning.relations.rows import Relation

FIGURES = {
    "relation_f1": Figure("F1 of relations", "relation F1 {:.1f}%"),
    "relation_precision": Figure("Precision of relations"),
    "relation_recall": Figure("Recall of relations"),
}


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """Label each test text and score the labels."""
    rows, labels = tuned.test_rows(), tuned.facts["labels"]
    relations = [
        Relation(row["text"], (row["label"],), tuple(row["head"]), tuple(row["tail"])) for row in rows
    ]
    encoded = encode_marked(relations, tuned.tokenizer, tuned.facts["max_length"])
    with progress("relating", len(rows), "examples", enabled=tuned.context.run.progress) as bar:
        logits = label_logits(tuned.model, encoded, tuned.config.decode.batch_size, bar.advance)
    predicted = [labels[place] for place in logits.argmax(-1)]
    none = tuned.facts["no_relation"]
    results = relation_results(predicted, [row["label"] for row in rows], none, tuned.bootstrap)
    return results, [
        {
            "prompt": marked(relation.source, relation.head, relation.tail),
            "prediction": label,
            "references": [row["label"]],
            "no_relation": none,
        }
        for relation, label, row in zip(relations, predicted, rows, strict=True)
    ]


def figures(settings: RelateConfig, splits: Splits) -> dict[str, Figure]:
    return {**FIGURES, **{name: figure for name, figure in SINGLE.items() if name != "auroc"}}


def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]:
    """The figures of relations that were told before, such as those of another run."""
    predicted, expected = [row["prediction"] for row in rows], [row["references"][0] for row in rows]
    return relation_results(predicted, expected, rows[0].get("no_relation", ""), bootstrap)


def relation_results(
    predicted: Sequence[str], expected: Sequence[str], none: str, bootstrap: Bootstrap
) -> list[Result]:
    """Precision, recall and F1 over all relations but `none`, as TACRED's script has them (Zhang et al., 2017), and the
    scores of labels."""
    names = sorted({*predicted, *expected})
    ours = np.array([names.index(label) for label in predicted])
    theirs = np.array([names.index(label) for label in expected])
    found, wanted = (np.array([label != none for label in labels]) for labels in (predicted, expected))
    counts = np.stack([(ours == theirs) & wanted, found, wanted], axis=-1).astype(np.int64)
    signature = f"average:micro|without:{none}|labels:{len(names)}"
    results = [
        bootstrap.result(
            "finetune",
            f"relation_{name}",
            lambda rows, column=column: float(precision_recall_f1(counts[rows].sum(0))[column]),
            len(counts),
            signature,
        )
        for name, column in (("f1", 2), ("precision", 0), ("recall", 1))
    ]
    plain = classification_results("finetune", ours, theirs, names, bootstrap)
    return [*shown(results, FIGURES), *plain]
