"""Weights that are pruned and trained by several processes become what one process makes of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.command_line import TINY, copy_data_stages, run_pipeline

pytestmark = pytest.mark.distributed
STEPS = ["stage=pretrain", "finetune=none", "optim=adamw", "optim.lr=1e-3", "trainer.checkpoint_every=0"]
CONTINUED = [word for word in TINY if not word.startswith("tokenizer.")]
"""The tokenizer is that of the weights."""


@pytest.fixture(scope="module")
def prune(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Callable[..., dict[str, torch.Tensor]]:
    """`prune("strategy=ddp", …)` prunes the weights of a run that was trained for two steps, and trains them on."""

    def train(folder: Path, *words: str, base: list[str] = CONTINUED) -> Path:
        copy_data_stages(shards, folder)
        ended = run_pipeline(folder, *STEPS, *words, base=base)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return folder / "runs/demo/pretrain"

    weights = train(tmp_path_factory.mktemp("base"), "trainer.steps=2", base=TINY)

    def run(*words: str) -> dict[str, torch.Tensor]:
        init = (f"pretrain.init={weights}", "pretrain.prune.method=wanda", "pretrain.prune.samples=16")
        folder = train(tmp_path_factory.mktemp("pruned"), *init, "trainer.steps=6", *words)
        return load_file(folder / "model/model.safetensors")

    return run


@pytest.fixture(scope="module")
def alone(prune: Callable[..., dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return prune()


@pytest.mark.parametrize("strategy", ["fsdp", "zero2", "zero3"])
def test_two_processes_keep_the_zeros_of_one(
    strategy: str, alone: dict[str, torch.Tensor], prune: Callable[..., dict[str, torch.Tensor]]
) -> None:
    together = prune(f"strategy={strategy}", "trainer.devices=2")
    assert together.keys() == alone.keys()
    for name, weight in alone.items():
        torch.testing.assert_close(together[name], weight, atol=2e-4, rtol=1e-3)
        assert torch.equal(together[name] == 0, weight == 0), name
    matrix = alone["model.layers.1.mlp.down_proj.weight"]
    assert ((matrix == 0).sum(1) == matrix.size(1) // 2).all()
