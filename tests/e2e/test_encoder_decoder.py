"""The samples with an encoder–decoder on real data, in a reduced form: figures, a folder for transformers, texts."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import environment
from tests.warm.process import run_warm

pytestmark = pytest.mark.e2e
REDUCED = [
    "tracking=none",
    "run.name=demo",
    "run.progress=false",
    "clean.workers=1",
    "shards.workers=1",
    "trainer.steps=12",
    "trainer.global_batch=4",
    "trainer.compile=false",
    "trainer.validate_every=6",
    "trainer.validation_sequences=8",
    "trainer.checkpoint_every=0",
    "trainer.sample_every=12",
    "trainer.threads=1",
    "evaluate.max_examples=4",
    "evaluate.perplexity.max_tokens=4000",
    "evaluate.prompt_tokens=8",
    "evaluate.bootstrap=50",
]
TUNED = [
    "finetune.trainer.epochs=null",
    "finetune.trainer.steps=6",
    "finetune.trainer.global_batch=4",
    "finetune.trainer.threads=1",
    "finetune.data.max_examples=60",
    "evaluate.decode.max_new_tokens=12",
]
SMALL = [
    "tokenizer.vocab_size=700",
    "model.layers=2",
    "model.hidden=32",
    "model.heads=2",
    "model.context=128",
]


@pytest.mark.parametrize(
    ("experiment", "source"), [("t5_sample", "scitldr"), ("t5_translate_sample", "tatoeba-zh-en")]
)
def test_pretrained_tuned_scored_exported_and_used(
    experiment: str,
    source: str,
    tmp_path: Path,
    pipeline: Callable[..., subprocess.CompletedProcess],
    shared_data: Callable[[str], Path],
) -> None:
    shared_data(source)
    corpus = tmp_path / "wikitext"
    corpus.mkdir()
    for split, lines in (("train", 4000), ("valid", 800), ("test", 800)):
        whole = (shared_data("wikitext-2") / f"wiki.{split}.tokens").read_text().split("\n")
        (corpus / f"wiki.{split}.tokens").write_text("\n".join(whole[:lines]) + "\n")
    words = [f"experiment={experiment}", f"corpus.path={corpus}", *REDUCED, *TUNED, *SMALL]
    done = pipeline(tmp_path, "stage=report", base=words)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "runs/demo"
    results = {
        (row["model"], row["name"]): row for row in json.loads((run / "evaluate/results.json").read_text())
    }
    assert ("pretrain", "span_loss") in results
    assert ("finetune", "bleu") in results
    assert ("finetune", "perplexity") not in results, "it is no language model"
    rows = [json.loads(line) for line in (run / "evaluate/predictions.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    exported = json.loads((run / "export/manifest.json").read_text())["metrics"]
    assert exported["format"] == "T5ForConditionalGeneration"
    assert exported["max_logit_difference"] < 1e-3
    assert "AutoModelForSeq2SeqLM" in (run / "export/model/README.md").read_text()
    command = [
        "inference.sample",
        rows[0]["prompt"][:60],
        "model=demo",
        f"runs={run.parent}",
        "temperature=0",
    ]
    asked = run_warm(environment(), *command)
    assert asked.returncode == 0, asked.stderr
    assert "answers" in asked.stderr


def test_the_transformer_of_wikipedia(
    tmp_path: Path,
    pipeline: Callable[..., subprocess.CompletedProcess],
    shared_data: Callable[[str], Path],
) -> None:
    """Uncased, by WordPiece, from the dump to the folder for transformers."""
    dump = shared_data("wikidump/en.mini.xml.bz2")
    small = [
        "tokenizer.vocab_size=3000",
        "model.hidden=32",
        "model.heads=2",
        "model.mlp=64",
        "model.context=128",
    ]
    words = ["experiment=wiki_transformer", *REDUCED, *small, f"corpus.paths=['{dump}']"]
    done = pipeline(tmp_path, "stage=report", base=words)
    assert done.returncode == 0, done.stdout + done.stderr
    exported = json.loads((tmp_path / "runs/demo/export/manifest.json").read_text())["metrics"]
    assert exported["format"] == "T5ForConditionalGeneration"
