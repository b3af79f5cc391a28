"""`python -m tests.bench.polarity [RUN …]`: a linear model of TF-IDF on sentence polarity, on the split that
fine-tuning makes of it, and what runs' classifiers reach on the same test texts."""

import argparse
import json
import os
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pipeline.config.tasks.classify import ClassifyConfig
from pipeline.tracking.tracker import read_jsonl
from train.finetuning.data import Example, load_splits
from train.finetuning.tasks.classify import TASK


def linear_accuracy(train: list[Example], test: list[Example]) -> float:
    """Share of the test texts that logistic regression on TF-IDF of words and pairs of them labels rightly."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        LogisticRegression(C=10, max_iter=1000),
    )
    model.fit([example.source for example in train], [example.targets[0] for example in train])
    return float(model.score([example.source for example in test], [example.targets[0] for example in test]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.polarity", description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="folders of runs, such as runs/mlm_sample")
    runs = parser.parse_args().runs
    data = Path(os.environ.get("LM_DATA", "data")) / "sentence-polarity/sentence_polarity.zip"
    settings = ClassifyConfig(data={"train": str(data)})
    splits = load_splits(settings.data, lambda path, unread: TASK.read_examples(path, settings, unread), Path)
    print(f"{len(splits.train):,} training texts, {len(splits.test):,} test texts")
    print(f"TF-IDF with logistic regression: accuracy {linear_accuracy(splits.train, splits.test):.1%}")
    for run in runs:
        texts = {row["text"] for row in read_jsonl(run / "finetune/test.jsonl")}
        same = "the same" if texts == {example.source for example in splits.test} else "OTHER"
        for row in json.loads((run / "evaluate/results.json").read_text(encoding="utf-8")):
            if row["name"] == "accuracy":
                print(
                    f"{run.name}: accuracy {row['value']:.1f}% [{row['low']:.1f}, {row['high']:.1f}] on {same} texts"
                )


if __name__ == "__main__":
    main()
