"""Our mixture of experts beside that of transformers: its losses, its figures, and experts that get no token."""

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.config.models.decoder import DecoderConfig
from train.models import IGNORE_INDEX
from train.models.decoder.hf_config import to_hf_config
from train.models.decoder.model import Decoder
from train.models.grouped import by_kernel, one_by_one
from train.optim.groups import hidden_matrices

VOCAB, LENGTH, EXPERTS = 61, 12, 6
SIZES = {"hidden": 32, "heads": 4, "context": LENGTH, "expert_mlp": 24}


def mixture(layers: int = 1, **fields: object) -> Decoder:
    torch.manual_seed(5)
    config = DecoderConfig(layout="qwen3", layers=layers, experts=EXPERTS, **SIZES, **fields)
    model = Decoder(config, VOCAB)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


def padded() -> tuple[Tensor, Tensor, Tensor]:
    """(token ids, labels, mask) of rows of unequal length."""
    ids = torch.randint(1, VOCAB, (4, LENGTH), generator=torch.Generator().manual_seed(6))
    mask = torch.arange(LENGTH) < torch.tensor([5, 12, 9, 1])[:, None]
    return ids, torch.where(mask, ids.roll(1, 1), IGNORE_INDEX), mask


def test_balance_loss_is_that_of_transformers():
    ours = mixture(balance_loss=0.3, router_z_loss=0.0)
    fields = to_hf_config(ours.config, VOCAB) | {"output_router_logits": True}
    theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields))
    theirs.load_state_dict(ours.state_dict())
    ids, labels, mask = padded()
    expected = theirs(ids, attention_mask=mask.long()).aux_loss
    found = ours(ids, labels)
    assert found.auxiliary.item() == pytest.approx(0.3 * expected.item() * mask.sum().item(), rel=1e-5)
    grads = [torch.autograd.grad(loss, model.model.layers[0].mlp.gate.weight)[0]
             for loss, model in ((found.auxiliary, ours), (0.3 * expected * mask.sum(), theirs))]  # fmt: skip
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-6)


def test_z_loss_and_the_fullest_expert_are_what_their_definitions_say():
    model = mixture(layers=2, balance_loss=0.0, router_z_loss=0.7)
    logits: list[Tensor] = []
    for block in model.blocks:
        block.mlp.gate.register_forward_hook(lambda module, given, out: logits.append(out.detach()))
    ids, labels, mask = padded()
    found = model(ids, labels)
    real = [one[mask.flatten()] for one in logits]
    expected = torch.stack([one.logsumexp(-1).square().mean() for one in real]).mean()
    assert found.auxiliary.item() == pytest.approx(0.7 * expected.item() * mask.sum().item(), rel=1e-5)
    loads = [one.topk(2).indices.flatten().bincount(minlength=EXPERTS) for one in real]
    shares = [(load.max() / load.sum()).item() for load in loads]
    figure = found.figures["fullest_expert"]
    assert (figure.total / figure.count).item() == pytest.approx(sum(shares) / 2, rel=1e-6)


def test_nothing_is_trained_on_besides_while_it_is_scored():
    model = mixture().eval()
    ids, labels, _ = padded()
    assert model(ids, labels).auxiliary is None
    assert mixture(balance_loss=0.0, router_z_loss=0.0)(ids, labels).auxiliary is None


def test_an_expert_without_tokens_has_a_gradient_of_zero():
    model = mixture(balance_loss=0.0, router_z_loss=0.0)
    experts = model.blocks[0].mlp.experts
    with torch.no_grad():
        model.blocks[0].mlp.gate.weight.zero_()  # all alike: the first two are chosen
    ids, labels, _ = padded()
    model(ids, labels).total.backward()
    used = experts.down_proj.grad.flatten(1).abs().sum(1) > 0
    assert used.sum() == 2
    assert experts.gate_up_proj.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_grouped_products_are_each_rows_own_whoever_makes_them(dtype: torch.dtype):
    counts = torch.tensor([3, 0, 6, 1])
    x = torch.randn(10, 16, dtype=dtype, requires_grad=True)
    weight = torch.randn(4, 24, 16, dtype=dtype, requires_grad=True)
    factors = torch.randn(10, 24, dtype=dtype)
    owners = torch.arange(4).repeat_interleave(counts)
    expected = torch.einsum("ni,noi->no", x, weight[owners])
    wanted = torch.autograd.grad((expected * factors).sum(), (x, weight))
    for function in (by_kernel, one_by_one):
        found = function(x, weight, counts)
        torch.testing.assert_close(found, expected, rtol=2e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-2)
        grads = torch.autograd.grad((found * factors).sum(), (x, weight))
        for grad, want in zip(grads, wanted, strict=True):
            torch.testing.assert_close(grad, want, rtol=2e-2 if dtype == torch.bfloat16 else 1e-4, atol=5e-2)


def test_its_file_is_read_by_transformers_as_it_is(tmp_path):
    ours = mixture(layers=2, tie_embeddings=False).eval()
    AutoConfig.for_model(**to_hf_config(ours.config, VOCAB)).save_pretrained(tmp_path)
    save_file(ours.state_dict(), tmp_path / "model.safetensors", {"format": "pt"})
    theirs, report = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    ids = padded()[0]
    with torch.no_grad():
        assert (theirs(ids).logits - ours(ids)).abs().max() <= 1e-5


def test_muon_takes_the_experts_and_it_learns():
    model = mixture()
    taken = hidden_matrices(model)
    assert {model.blocks[0].mlp.experts.gate_up_proj, model.blocks[0].mlp.experts.down_proj} <= taken.keys()
    ids, labels, _ = padded()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = model(ids, labels)
        losses.append((loss.total / loss.tokens).item())
        ((loss.total + loss.auxiliary) / loss.tokens).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.5 * losses[0]
    assert F.softmax(model(ids), -1).isfinite().all()
