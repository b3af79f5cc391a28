"""Products of a model that only writes, in each of the orders that they are made in."""

import pytest
import torch
from torch.nn import functional as F

from train.models.fixed_linear import FixedLinear


@pytest.mark.parametrize("capability", ["AVX2", "AVX512"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1), (32, 1), (63, 1), (4, 16)])
@pytest.mark.parametrize("biased", [False, True])
def test_several_maps_are_one_product(
    capability: str, shape: tuple[int, int], biased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(out, 24, generator=generator) for out in (32, 16, 5)]
    bias = torch.randn(53, generator=generator) if biased else None
    x = torch.randn(*shape, 24, generator=generator)
    with torch.inference_mode():
        found = FixedLinear(weights, bias)(x)
    expected = F.linear(x.double(), torch.cat(weights).double(), None if bias is None else bias.double())
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
