"""Each optimizer under each strategy, on four real processes, trains as it does on one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.distributed.optimizer_worker import OPTIMIZERS, STRATEGIES, train_with
from tests.warm.ranks import run_ranks

pytestmark = pytest.mark.distributed


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the weights that four processes arrive at, a file for each strategy and optimizer."""
    folder = tmp_path_factory.mktemp("together")
    run_ranks(4, "tests.distributed.optimizer_worker", str(folder))
    return folder


@pytest.fixture(scope="module", params=OPTIMIZERS)
def alone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, torch.Tensor]]:
    """An optimizer, and the weights that it arrives at in this process."""
    weights = train_with(request.param, tmp_path_factory.mktemp("alone"), "single", ranks=1)
    return request.param, weights


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_four_processes_train_like_one(
    strategy: str, alone: tuple[str, dict[str, torch.Tensor]], together: Path
) -> None:
    optimizer, expected = alone
    found = load_file(together / f"{strategy}-{optimizer}.safetensors")
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-3, atol=2e-5, msg=f"{strategy}: {name}")
