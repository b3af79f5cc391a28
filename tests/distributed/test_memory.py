"""The predicted memory of parameters, gradients and optimizer is what each rank really holds."""

import json

import pytest

from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from tests.distributed.memory_worker import MODEL, VOCAB
from tests.warm.ranks import run_ranks
from train.memory.predict import predict

pytestmark = pytest.mark.distributed

CASES = [
    ("single", "adamw", "bf16"),
    ("ddp", "adamw", "fp32"),
    ("ddp", "muon", "fp32"),
    ("fsdp", "adamw", "bf16"),
    ("zero1", "adamw", "bf16"),
    ("zero2", "adamw", "bf16"),
    ("zero2", "muon", "fp32"),
    ("zero3", "adamw", "bf16"),
    ("zero2_offload", "adamw", "bf16"),
    ("zero3_offload", "adamw", "bf16"),
]


@pytest.mark.parametrize(("strategy", "optim", "precision"), CASES)
def test_states_of_each_rank(strategy: str, optim: str, precision: str) -> None:
    ranks = 1 if strategy == "single" else 2
    settings = json.dumps({"strategy": strategy, "optim": optim, "precision": precision})
    output = run_ranks(ranks, "tests.distributed.memory_worker", settings)
    measured = [json.loads(line)["bytes"] for line in output.splitlines() if '"bytes"' in line]
    trainer = TrainerConfig(steps=1, global_batch=ranks, devices=ranks, precision=precision)
    memory = predict(
        MODEL, VOCAB, OptimizerConfig.choose(optim), trainer, StrategyConfig.choose(strategy), on_gpu=False
    )
    assert len(measured) == ranks
    print(f"{strategy} {optim} {precision}: {memory.states / 1e6:.1f} MB predicted, {measured} measured")
    for found in measured:
        assert found == pytest.approx(memory.states, rel=0.1)
