"""How often FSDP sums gradients over the ranks where a step takes several micro-batches."""

import json

import pytest

from tests.distributed.reduce_worker import ACCUMULATION
from tests.warm.ranks import run_ranks

pytestmark = pytest.mark.distributed


def test_gradients_are_reduced_once_a_step_where_that_is_asked_for() -> None:
    output = run_ranks(2, "tests.distributed.reduce_worker")
    each, once = (json.loads(line) for line in output.splitlines() if line.startswith('{"reduce"'))
    assert each["count"] == ACCUMULATION * once["count"] > 0
    assert once["apart"] < 1e-6
