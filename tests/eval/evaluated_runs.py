"""Runs as the stages leave them once they are evaluated, with the texts of two systems, of which one is the better."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from eval.comparison.evaluated_run import EvaluatedRun, find_run
from eval.language_model.document_scores import DocumentScores, write_documents
from eval.results import PERPLEXITIES, Result, shown
from pipeline.config.evaluation import FEWEST_UNITS
from pipeline.stages import STAGES
from pipeline.tracking.tracker import Tracker

WORDS = [
    *[
        "the",
        "cat",
        "sat",
        "on",
        "a",
        "mat",
        "while",
        "it",
        "rained",
        "in",
        "north",
        "and",
        "we",
        "went",
        "home",
    ]
]


def sentences(seed, count=40):
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, 9)) for _ in range(count)]


def noisy(texts, share, seed):
    """With a share of the words replaced."""
    draw = np.random.default_rng(seed)
    return [
        " ".join(word if draw.random() > share else draw.choice(WORDS) for word in text.split())
        for text in texts
    ]


REFERENCES = sentences(1)
GOOD, POOR = noisy(REFERENCES, 0.3, 2), noisy(REFERENCES, 0.45, 3)


def run_maker(folder: Path) -> Callable[..., EvaluatedRun]:
    """A maker of runs below a folder, by name."""

    def make(
        name,
        predictions=GOOD,
        references=REFERENCES,
        corpus="c",
        tokenizer="t",
        loss=3.0,
        documents=30,
        config=None,
        window=64,
        unknown="",
        others=(),
        stages=("evaluate", "pretrain", "finetune"),
        **task,
    ):
        run, store = folder / "runs" / name, folder / "artifacts"
        made = {stage: store / stage / f"{name}-{name}" for stage in stages}
        run.mkdir(parents=True)
        command = "python -m pipeline experiment=demo stage=pretrain"
        (run / "config.yaml").write_text(yaml.safe_dump({"run": {"command": command}}))
        for stage, artifact in made.items():
            artifact.mkdir(parents=True)
            (run / stage).symlink_to(artifact)
            metrics = {"steps": 50, "tokens": 6400, "notes": "BLEU goes to 100."}
            seen = config and {key: config[key] for key in STAGES[stage].config.model_fields if key in config}
            manifest = {"metrics": metrics, "config": seen, "outputs": {}}
            (artifact / "manifest.json").write_text(json.dumps(manifest))
            inputs = {other: name for other in STAGES[stage].inputs if other in stages}
            spec = {"stage": stage, "fingerprint": name, "input_fingerprints": inputs}
            (artifact / "stage.yaml").write_text(yaml.safe_dump(spec))
        for stage in made.keys() & {"pretrain"}:
            tracker = Tracker(made[stage])
            for step in range(1, 51):
                tracker.log({"train/loss": loss + math.exp(-step / 9), "train/lr": 0.1 / step}, step)
        of_corpus = {"clean": corpus, "tokenizer": tokenizer, "shards": corpus + tokenizer}
        inputs = {other: name for other in STAGES["evaluate"].inputs if other in stages}
        spec = {
            "stage": "evaluate",
            "fingerprint": name,
            "config": {"evaluate": {"metrics": ["bleu", "exact_match", "distinct"], **task}},
            "input_fingerprints": of_corpus | inputs,
        }
        (made["evaluate"] / "stage.yaml").write_text(yaml.safe_dump(spec))
        if "finetune" in made:
            (made["finetune"] / "task.json").write_text(json.dumps({"task": "instruct"}))
        rows = [
            {"prompt": f"write {n} <script>", "prediction": text, "references": [reference]}
            for n, (text, reference) in enumerate(zip(predictions, references, strict=True))
        ]
        sample = {"prompt": "The", "continuation": f" cat of {name}"}
        for file, lines in {"predictions": rows, "samples": [sample]}.items():
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (made["evaluate"] / f"{file}.jsonl").write_text(text)
        lengths = np.arange(30, 30 + documents)
        signature = f"split:test|tokens:{lengths.sum()}|words:w|tokenizer:{tokenizer}|context:{window}"
        signature += f"|unk:{unknown}" if unknown else ""
        low, high = (loss - 0.1, loss + 0.1) if documents >= FEWEST_UNITS else (None, None)
        results = [Result("pretrain", each, loss, low, high, documents, signature) for each in PERPLEXITIES]
        results = [*shown(results, PERPLEXITIES), *others]
        (made["evaluate"] / "results.json").write_text(json.dumps([asdict(row) for row in results]))
        costs = loss * lengths + np.random.default_rng(4).normal(0, 5, len(lengths))
        documents = DocumentScores("pretrain", None, costs, lengths.cumsum(), lengths // 2, 4 * lengths)
        write_documents(made["evaluate"], [documents])
        return find_run(name, folder / "runs")

    return make
