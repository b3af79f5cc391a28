"""The masked objective with sentence pairs on our encoder trains under every strategy like one process: real processes
over gloo."""

from pathlib import Path

import pytest

from tests.command_line import run_pipeline
from tests.distributed.test_strategies import same, train

pytestmark = pytest.mark.distributed
ENCODER = ["objective=masked", "model=bert_tiny", "tokenizer=bert", "finetune=none"]
PAIRS = ["objective.pairs=next_sentence", "model.pair_head=true", "optim.lr=3e-4"]
MORE = ["model.layers=2", "model.hidden=32", "model.heads=2", "model.context=64", "tokenizer.vocab_size=400"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    result = run_pipeline(folder, "stage=shards", *ENCODER, *MORE)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Path:
    return train(tmp_path_factory.mktemp("alone"), shards, *ENCODER, *PAIRS, *MORE)


@pytest.mark.parametrize("strategy", ["fsdp", "zero3"])
def test_two_processes_hide_the_same_tokens_and_train_like_one(
    strategy: str, alone: Path, tmp_path: Path, shards: Path
) -> None:
    words = [f"strategy={strategy}", "trainer.devices=2", "trainer.micro_batch=1"]
    same(alone, train(tmp_path, shards, *ENCODER, *PAIRS, *MORE, *words))
