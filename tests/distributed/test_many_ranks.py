"""What only shows on many ranks: cut parameters, uneven rows, ranks that hold nothing of a matrix."""

import json

import pytest

from tests.distributed.fake_group_worker import cases
from tests.warm.ranks import run_ranks

pytestmark = pytest.mark.distributed
# DDP cuts nothing, and torch's imagined group has no results for it to wait for.
STRATEGIES = ["fsdp", "zero1", "zero2", "zero3"]


# ZeRO 3 compares with rank 0, of which the others hear nothing here.
CASES = [(8, 0, STRATEGIES), (32, 31, ["fsdp"]), (256, 0, ["zero2", "zero3"]), (256, 255, ["fsdp"])]


@pytest.mark.parametrize(("ranks", "rank", "strategies"), CASES)
def test_every_optimizer_trains_every_layout(ranks: int, rank: int, strategies: list[str]) -> None:
    output = run_ranks(1, "tests.distributed.fake_group_worker", str(ranks), str(rank), ",".join(strategies))
    told = [json.loads(line) for line in output.splitlines() if line.startswith('{"case"')]
    assert [tuple(line["case"]) for line in told] == cases(strategies)
