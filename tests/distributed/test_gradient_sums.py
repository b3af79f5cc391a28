"""In what ZeRO adds up gradients where the model computes in bf16."""

import json

import pytest

from tests.distributed.sums_worker import CASES
from tests.warm.ranks import run_ranks

pytestmark = pytest.mark.distributed


def test_sums_are_finer_than_bf16_by_default() -> None:
    output = run_ranks(3, "tests.distributed.sums_worker")
    told = [json.loads(line) for line in output.splitlines() if line.startswith('{"case"')]
    found = {tuple(line["case"]): line["finer"] for line in told}
    for case in CASES:
        assert found[*case, "fp32"] > 0.4, found
        assert found[*case, "bf16"] < 0.01, found
