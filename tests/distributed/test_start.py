"""The weights that ranks begin with, each drawing them layer by layer and keeping its share."""

import pytest

from tests.distributed.small_run import MODELS
from tests.warm.ranks import run_ranks

pytestmark = pytest.mark.distributed
STRATEGIES = ["ddp", "fsdp", "zero1", "zero3", "zero3_offload"]


def test_ranks_start_with_the_weights_of_one_process() -> None:
    """In every bit; three ranks, among which nothing divides evenly."""
    output = run_ranks(3, "tests.distributed.start_worker", ",".join(STRATEGIES))
    assert output.count(" elements") == 3 * len(STRATEGIES) * len(MODELS), output
