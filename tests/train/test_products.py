"""Products through oneDNN in the place of torch's own."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train import products
from train.products import onednn_is_faster, torchs_own_products, use_fastest_products

ROWS, INPUTS, OUTPUTS = 64, 256, 512


@pytest.fixture
def by_onednn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    """As on a processor for which this is faster. Gives the shapes of what oneDNN has made."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch was built without oneDNN")
    made: list[tuple[int, ...]] = []
    linear = products.linear_by_onednn

    def noted(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        found = linear(x, weight, bias)
        made.append(tuple(found.shape))
        return found

    monkeypatch.setattr(products, "linear_by_onednn", noted)
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    before = products._library
    use_fastest_products()
    yield made
    if before is None:
        products._library._destroy()
        products._library = None


def close(found: Tensor, exact: Tensor) -> None:
    torch.testing.assert_close(found.double(), exact, atol=1e-3, rtol=1e-4)


def views(rows: int, columns: int) -> dict[str, Tensor]:
    """A matrix as it may lie in memory."""
    return {
        "rows": torch.randn(rows, columns),
        "transposed": torch.randn(columns, rows).t(),
        "part of wider rows": torch.randn(rows, 2 * columns)[:, :columns],
        "every second number": torch.randn(rows, 2 * columns)[:, ::2],
        "one row again and again": torch.randn(1, columns).expand(rows, columns),
        "one number a row": torch.randn(rows, 1).expand(rows, columns),
        "not aligned": torch.randn(rows * columns + 1)[1:].view(rows, columns),
    }


@pytest.mark.parametrize("right", views(1, 1))
@pytest.mark.parametrize("left", views(1, 1))
def test_matrices_may_lie_in_memory_in_any_way(by_onednn: list[object], left: str, right: str) -> None:
    a, b = views(ROWS, INPUTS)[left], views(INPUTS, OUTPUTS)[right]
    close(a @ b, a.double() @ b.double())
    out = torch.empty(ROWS, OUTPUTS)
    assert torch.mm(a, b, out=out) is out
    close(out, a.double() @ b.double())
    assert by_onednn == [(ROWS, OUTPUTS)] * 2


@pytest.mark.parametrize("bias", [True, False])
def test_gradients(by_onednn: list[object], bias: bool) -> None:
    layer = nn.Linear(INPUTS, OUTPUTS, bias=bias)
    x = torch.randn(4, ROWS // 4, INPUTS, requires_grad=True)
    F.gelu(layer(x)).square().sum().backward()
    assert set(by_onednn) == {(ROWS, OUTPUTS), (ROWS, INPUTS), (OUTPUTS, INPUTS)}  # forwards and backwards

    exact = nn.Linear(INPUTS, OUTPUTS, bias=bias).double()
    exact.load_state_dict(layer.state_dict())
    y = x.detach().double().requires_grad_()
    F.gelu(exact(y)).square().sum().backward()
    close(x.grad, y.grad)
    for found, wanted in zip(layer.parameters(), exact.parameters(), strict=True):
        close(found.grad, wanted.grad)


def test_products_may_be_added_to_something(by_onednn: list[object]) -> None:
    a, b, added = torch.randn(ROWS, INPUTS), torch.randn(INPUTS, OUTPUTS), torch.randn(ROWS, OUTPUTS)
    product = a.double() @ b.double()
    for beta, alpha in [(1, 1), (0.5, 2), (1, -1), (0, 1)]:
        exact = beta * added.double() + alpha * product
        close(torch.addmm(added, a, b, beta=beta, alpha=alpha), exact)
        close(torch.addmm(added, a, b, beta=beta, alpha=alpha, out=torch.empty(ROWS, OUTPUTS)), exact)
        close(added.clone().addmm_(a, b, beta=beta, alpha=alpha), exact)
    row = torch.randn(OUTPUTS)
    close(torch.addmm(row, a, b, beta=2), 2 * row.double() + product)
    close(torch.addmm(added[:, :1], a, b), added[:, :1].double() + product)
    assert set(by_onednn) == {(ROWS, OUTPUTS)}
    unknown = torch.full((ROWS, OUTPUTS), torch.nan)
    close(torch.addmm(unknown, a, b, beta=0), product)  # as torch has it
    close(unknown.addmm_(a, b, beta=0), product)


def test_several_products_at_once(by_onednn: list[object]) -> None:
    a, b, added = torch.randn(3, ROWS, INPUTS), torch.randn(3, INPUTS, OUTPUTS), torch.randn(3, ROWS, OUTPUTS)
    product = a.double() @ b.double()
    out = torch.empty(3, OUTPUTS, ROWS).mT
    close(torch.bmm(a, b), product)
    assert torch.bmm(a, b, out=out) is out
    close(out, product)
    close(torch.baddbmm(added, a, b, beta=0.5, alpha=2), 0.5 * added.double() + 2 * product)
    assert by_onednn == [(ROWS, OUTPUTS)] * 9


def test_compiled_code_takes_it_too(by_onednn: list[object]) -> None:
    layer, x = nn.Linear(INPUTS, OUTPUTS), torch.randn(ROWS, INPUTS)
    found = torch.compile(lambda given: layer(given).relu())(x)
    close(found, (x.double() @ layer.weight.double().t() + layer.bias.double()).relu())
    assert (ROWS, OUTPUTS) in by_onednn


def test_what_is_small_or_of_another_type_is_torchs_own(by_onednn: list[object]) -> None:
    for kind in (torch.float64, torch.bfloat16, torch.int64):
        ones = torch.ones(256, 256, dtype=kind)
        assert (ones @ ones == 256).all()
    for rows, columns in [(4, 4), (1, 4096), (0, 4096)]:
        a = torch.randn(rows, columns)
        close(a @ a.t(), a.double() @ a.double().t())
    with torchs_own_products():
        large = torch.randn(ROWS, INPUTS) @ torch.randn(INPUTS, OUTPUTS)
    assert large.shape == (ROWS, OUTPUTS)
    assert by_onednn == []


def test_shapes_that_do_not_fit_are_torchs_error(by_onednn: list[object]) -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        torch.randn(512, 512) @ torch.randn(256, 512)


@pytest.mark.parametrize(
    ("vendor", "level"), [("GenuineIntel", "AVX512"), ("AuthenticAMD", "AVX2"), (None, "DEFAULT")]
)
def test_elsewhere_torchs_own_are_as_fast(
    monkeypatch: pytest.MonkeyPatch, vendor: str | None, level: str
) -> None:
    monkeypatch.setattr(products, "cpu_vendor", lambda: vendor)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
    assert not onednn_is_faster.__wrapped__()
