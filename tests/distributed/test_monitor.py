"""A fine-tuning that is judged by a metric ends at the same step, with the same best one, under every strategy."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.formats.checkpoints import MonitorMemory, list_checkpoints
from pipeline.tracking.tracker import read_metrics
from tests.command_line import TINY
from tests.distributed.test_preferences import tune
from tests.train.test_tagging import sentence, write_conll

pytestmark = pytest.mark.distributed


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder, draw = tmp_path_factory.mktemp("data"), random.Random(0)
    named = [
        f"finetune.data.{split}="
        + str(write_conll(folder / f"{split}.conll", [sentence(draw) for _ in range(count)]))
        for split, count in {"train": 120, "validation": 25, "test": 4}.items()
    ]
    return [
        *TINY,
        "stage=finetune",
        "finetune=tag",
        *named,
        "finetune.data.max_examples=null",
        "finetune.optim.lr=5e-3",
        "finetune.trainer.epochs=null",
        "finetune.trainer.steps=60",
        "finetune.trainer.global_batch=8",
        "finetune.trainer.validate_every=4",
        "finetune.monitor.metric=f1",
        "finetune.monitor.patience=2",
    ]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory, pipeline: Callable) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    result = pipeline(folder, "stage=pretrain")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def found(artifact: Path) -> tuple[list[tuple[int, float]], MonitorMemory]:
    values = [(row["step"], row["monitor/f1"]) for row in read_metrics(artifact) if "monitor/f1" in row]
    return values, list_checkpoints(artifact)[-1].monitor


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], pretrained: Path, pipeline: Callable
) -> tuple[list[tuple[int, float]], MonitorMemory]:
    return found(tune(tmp_path_factory.mktemp("alone") / "run", pretrained, pipeline, words))


@pytest.mark.parametrize("strategy", ["ddp", "zero3"])
def test_two_ranks_end_where_one_does(
    strategy: str,
    alone: tuple[list[tuple[int, float]], MonitorMemory],
    words: list[str],
    pretrained: Path,
    tmp_path: Path,
    pipeline: Callable,
) -> None:
    values, memory = alone
    assert memory["stale"] == 2
    assert values[-1][0] < 60
    ranks = [*words, f"strategy={strategy}", "finetune.trainer.devices=2"]
    theirs, ended = found(tune(tmp_path / "run", pretrained, pipeline, ranks))
    assert [step for step, _ in theirs] == [step for step, _ in values]
    assert [value for _, value in theirs] == pytest.approx([value for _, value in values], abs=0.5)
    assert (ended["best_step"], ended["stale"]) == (memory["best_step"], memory["stale"])
