"""Products of a model that only writes, in each of the orders that they are made in."""

import pytest
import torch
from torch.nn import functional as F

from train.models.fixed_linear import FixedLinear

SHAPES = [(1, 1), (1, 5), (7, 1), (32, 1), (1, 1), (80, 1), (1, 5), (4, 16)]
"""One text comes first, then several, whose products are made in another order from then on."""


@pytest.fixture(params=[False, True], ids=["plain", "biased"])
def maps(request: pytest.FixtureRequest) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    """Weights of 24 inputs whose 553 outputs do not come out even in blocks, and their bias."""
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(out, 24, generator=generator) for out in (532, 16, 5)]
    return weights, torch.randn(553, generator=generator) if request.param else None


@pytest.fixture(autouse=True, params=["blocks", "onednn"])
def order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the weights lie for several texts, on processors of each kind."""
    takes_onednn = request.param == "onednn"
    if takes_onednn and not torch.backends.mkldnn.is_available():
        pytest.skip("this torch was built without oneDNN")
    monkeypatch.setattr("train.models.weight_orders.onednn_is_faster", lambda: takes_onednn)


def check(fixed: FixedLinear, maps: tuple[list[torch.Tensor], torch.Tensor | None], x: torch.Tensor) -> None:
    weights, bias = maps
    expected = F.linear(x.double(), torch.cat(weights).double(), None if bias is None else bias.double())
    torch.testing.assert_close(fixed(x).double(), expected, atol=1e-5, rtol=1e-5)


def test_several_maps_are_one_product(maps: tuple[list[torch.Tensor], torch.Tensor | None]) -> None:
    fixed = FixedLinear(*maps)
    with torch.inference_mode():
        for shape in SHAPES:
            check(fixed, maps, torch.randn(*shape, 24))
        check(fixed, maps, torch.randn(6, 24))
        check(FixedLinear(*maps), maps, torch.randn(6, 24))


@pytest.mark.parametrize("shape", [(3, 24), (24, 24), (300, 24), (7, 24)])
def test_of_any_size(shape: tuple[int, int]) -> None:
    weight = torch.randn(shape)
    fixed = FixedLinear([weight])
    with torch.inference_mode():
        for rows in (1, 2, 9):
            check(fixed, ([weight], None), torch.randn(rows, 1, 24))


def test_what_is_read_has_gradients(maps: tuple[list[torch.Tensor], torch.Tensor | None]) -> None:
    """Whatever the order: attributions ask for them."""
    fixed = FixedLinear(*maps)
    for shape in [(1, 5, 24), (3, 1, 24), (2, 4, 24)]:
        x = torch.randn(shape, requires_grad=True)
        fixed(x).sum().backward()
        expected = torch.cat(maps[0]).sum(0).expand(shape)
        torch.testing.assert_close(x.grad, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("order", ["blocks"], indirect=True)
def test_blocks_are_made_where_all_threads_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.randn(600, 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    fixed, x = FixedLinear([weight]), torch.randn(5, 1, 8)
    check(fixed, ([weight], None), x)
    assert fixed._order.kept.shape == (600, 8)
    fixed = FixedLinear([weight])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    check(fixed, ([weight], None), x)
    assert fixed._order.kept.shape == (3, 8, 208)
