"""Several tasks on one body, under strategies that shard it: a rank may have no example of a task in a batch."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_metrics
from tests.command_line import TINY
from tests.distributed.test_preferences import tune
from tests.train.test_tagging import sentence, write_conll

pytestmark = pytest.mark.distributed


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder, draw = tmp_path_factory.mktemp("data"), random.Random(0)
    names = write_conll(folder / "names.conll", [sentence(draw) for _ in range(80)])
    moods = folder / "moods.jsonl"
    rows = [{"text": f"It was {('good', 'bad')[n % 2]}, {n} times.", "label": "+-"[n % 2]} for n in range(60)]
    moods.write_text("".join(json.dumps(row) + "\n" for row in rows))
    parts = f"{{mood:{{task:classify,data:{{train:{moods}}}}},names:{{task:tag,data:{{train:{names}}}}}}}"
    return [
        *[word for word in TINY if not word.startswith("finetune.data")],
        "stage=finetune",
        "finetune=multi",
        "finetune.data.train=null",
        f"finetune.parts={parts}",
        "finetune.weights={mood:1,names:3}",
        "finetune.optim.lr=1e-3",
        "finetune.trainer.epochs=null",
        "finetune.trainer.steps=6",
        "finetune.trainer.global_batch=4",
        "finetune.trainer.log_every=1",
    ]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory, pipeline: Callable) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    result = pipeline(folder, "stage=pretrain")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], pretrained: Path, pipeline: Callable
) -> Path:
    return tune(tmp_path_factory.mktemp("alone") / "run", pretrained, pipeline, words)


@pytest.mark.parametrize("strategy", ["fsdp", "zero3"])
def test_two_ranks_train_what_one_does(
    strategy: str, alone: Path, words: list[str], pretrained: Path, tmp_path: Path, pipeline: Callable
) -> None:
    ranks = [*words, f"strategy={strategy}", "finetune.trainer.devices=2", "finetune.trainer.micro_batch=1"]
    found = tune(tmp_path / "run", pretrained, pipeline, ranks)
    rows, others = read_metrics(alone), read_metrics(found)
    losses, theirs = ([row["train/loss"] for row in each if "train/loss" in row] for each in (rows, others))
    assert len(losses) == 6
    assert theirs == pytest.approx(losses, rel=2e-3, abs=2e-4)
    weights, others = (load_file(folder / "model" / "model.safetensors") for folder in (alone, found))
    assert weights.keys() == others.keys()
    for name in weights:
        torch.testing.assert_close(weights[name], others[name], atol=5e-4, rtol=1e-3)
