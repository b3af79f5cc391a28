"""Each optimizer under each strategy, on four real processes, trains as it does on one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.distributed.optimizer_worker import FIRST_ROW, OPTIMIZERS, STRATEGIES, train_rows, train_with
from tests.train.guard_worker import Poisoned
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


def test_rows_that_are_trained_alone(together: Path, tmp_path: Path) -> None:
    begun, alone = Poisoned().state_dict(), train_rows(tmp_path, "single", ranks=1)
    for strategy in STRATEGIES:
        found = load_file(together / f"{strategy}-rows.safetensors")
        for name, weight in found.items():
            if name in ("decoder.model.embed_tokens.weight", "decoder.lm_head.weight"):  # they are tied
                assert torch.equal(weight[:FIRST_ROW], begun[name][:FIRST_ROW]), strategy
                assert not torch.equal(weight[FIRST_ROW:7], begun[name][FIRST_ROW:7]), strategy
                torch.testing.assert_close(weight, alone[name], rtol=1e-3, atol=2e-5)
            else:
                assert torch.equal(weight, begun[name]), f"{strategy}: {name}"
