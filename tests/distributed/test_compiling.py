"""What torch.compile captures is whole under every strategy: no graph breaks, and one graph for all blocks."""

import json

import pytest

from tests.distributed.compile_worker import cases
from tests.warm.ranks import run_ranks

pytestmark = pytest.mark.distributed


def test_no_graph_breaks_under_any_strategy() -> None:
    output = run_ranks(1, "tests.distributed.compile_worker")
    told = [json.loads(line) for line in output.splitlines() if line.startswith('{"case"')]
    assert [line["case"] for line in told] == [f"{name} {recompute}" for name, recompute in cases()]
    for line in told:
        assert (line["breaks"], line["graphs"]) == (0, 2), line  # a block, and the head with its loss
        assert line["apart"] < 1e-5, line
