"""Muon under DeepSpeed's ZeRO, on two real processes, trains like Muon on one."""

from pathlib import Path

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from tests.train import muon_zero_worker
from tests.warm.ranks import run_ranks


@pytest.fixture(scope="module", params=muon_zero_worker.MODELS)
def alone(request) -> tuple[str, dict[str, torch.Tensor]]:
    """A model and its weights after training on the whole batches in this process, without DeepSpeed."""
    model, optimizer, batches = muon_zero_worker.setting(request.param)
    for ids in batches:
        total, tokens, *_ = model(ids[:, :-1], ids[:, 1:])
        (total / tokens).backward()
        clip_grad_norm_(model.parameters(), muon_zero_worker.CLIP)
        optimizer.step()
        optimizer.zero_grad()
    return request.param, model.state_dict()


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the weights that two processes arrive at, one file per stage."""
    folder = tmp_path_factory.mktemp("zero")
    run_ranks(2, "tests.train.muon_zero_worker", str(folder))
    return folder


@pytest.mark.distributed
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_two_processes_train_like_one(stage: int, alone: tuple[str, dict[str, torch.Tensor]], together: Path):
    model, wanted = alone
    weights = torch.load(together / f"{model}-zero{stage}.pt", weights_only=True)
    assert weights.keys() == wanted.keys()
    for name, expected in wanted.items():
        torch.testing.assert_close(weights[name], expected, rtol=1e-3, atol=2e-5, msg=f"zero{stage}: {name}")
