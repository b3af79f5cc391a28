"""z-loss and label smoothing: made in chunks with the loss, part of what is trained and not of what is told."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.config.data import DataConfig
from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.objectives.causal import CausalConfig
from train.models import IGNORE_INDEX, build_model, lm_head
from train.models.lm_head import LMHead, Regularization, RegularizedLoss, loss_sum

VOCAB, WIDTH = 31, 12
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
MODELS: dict[str, ModelConfig] = {
    "decoder": DecoderConfig(layers=1, hidden=16, heads=2, context=8),
    "mixture": DecoderConfig(layout="qwen3", layers=1, hidden=16, heads=2, context=8, experts=4),
    "lstm": LSTMConfig(layers=1, hidden=16, embedding=16, context=8, dropout=0.0),
    "llama": HuggingFaceConfig(config={"model_type": "llama", **SIZES}, context=8),
    "gemma2": HuggingFaceConfig(
        config={"model_type": "gemma2", "head_dim": 8, "num_key_value_heads": 2, **SIZES}, context=8
    ),
}


def batch(rows: int, tokens: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(VOCAB, (rows, tokens), generator=generator)
    labels = torch.randint(VOCAB, (rows, tokens), generator=generator)
    labels[0, :3] = IGNORE_INDEX
    return ids, labels


def reference(logits: Tensor, labels: Tensor, z_loss: float, smoothing: float) -> Tensor:
    flat, targets = logits.flatten(0, -2), labels.flatten()
    smoothed = F.cross_entropy(flat, targets, label_smoothing=smoothing, reduction="sum")
    return smoothed + z_loss * flat.logsumexp(-1)[targets != IGNORE_INDEX].square().sum()


@pytest.mark.parametrize("tokens_at_once", [5, 1000])
@pytest.mark.parametrize(("z_loss", "smoothing"), [(0.3, 0.0), (0.0, 0.2), (0.1, 0.4)])
def test_it_is_the_definition_with_its_gradients(
    monkeypatch: pytest.MonkeyPatch, tokens_at_once: int, z_loss: float, smoothing: float
) -> None:
    monkeypatch.setattr(lm_head, "CPU_CHUNK", tokens_at_once * VOCAB)
    torch.manual_seed(1)
    head, hidden = LMHead(WIDTH, VOCAB, 0.5), torch.randn(2, 9, WIDTH, requires_grad=True)
    labels = batch(2, 9)[1]
    logits = head(hidden)
    expected = reference(logits, labels, z_loss, smoothing)
    found = head(hidden, labels, regularization=Regularization(z_loss, smoothing))
    assert isinstance(found, RegularizedLoss)
    torch.testing.assert_close(found.trained, expected)
    torch.testing.assert_close(found.plain, reference(logits, labels, 0.0, 0.0))
    assert not found.plain.requires_grad
    wanted = torch.autograd.grad(expected, (hidden, head.weight))
    for grad, want in zip(torch.autograd.grad(found.trained, (hidden, head.weight)), wanted, strict=True):
        torch.testing.assert_close(grad, want, rtol=1e-4, atol=1e-5)


def test_where_it_is_off_the_loss_is_bitwise_what_it_was() -> None:
    torch.manual_seed(1)
    head, hidden = LMHead(WIDTH, VOCAB, 0.5), torch.randn(2, 9, WIDTH, requires_grad=True)
    labels = batch(2, 9)[1]
    loss = loss_sum(head, hidden, labels)
    assert loss.auxiliary is None
    flat, targets = hidden.flatten(0, 1).detach(), labels.flatten()[:, None]
    counts = (targets != IGNORE_INDEX).float()
    targets = torch.where(targets == IGNORE_INDEX, 0, targets)
    scores = F.linear(flat, head.weight.detach())
    top, picked = scores.amax(-1, keepdim=True), scores.gather(1, targets)
    scores = (scores - top).exp()
    partition = scores.sum(-1, keepdim=True)
    assert torch.equal(loss.total, ((partition.log() + top - picked) * counts).sum())
    grads = (scores * (counts / partition)).scatter_add(1, targets, -counts)
    found = torch.autograd.grad(loss.total, (hidden, head.weight))
    assert torch.equal(found[0].flatten(0, 1), grads @ head.weight.detach())
    assert torch.equal(found[1], torch.zeros_like(head.weight).addmm(grads.t(), flat))


@pytest.mark.parametrize("name", MODELS)
def test_every_family_trains_on_it_and_tells_the_plain_loss(name: str) -> None:
    torch.manual_seed(3)
    model = build_model(MODELS[name], VOCAB)
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    ids, labels = batch(2, 8)
    plain = model(ids, labels)
    found = model(ids, labels, regularization=Regularization(0.1, 0.2))
    torch.testing.assert_close(found.total, plain.total)
    others = 0.0 if plain.auxiliary is None else plain.auxiliary
    trained = found.total + found.auxiliary - others
    torch.testing.assert_close(trained, reference(model(ids), labels, 0.1, 0.2))
    weight = next(model.parameters())
    grad = torch.autograd.grad(found.total + found.auxiliary, weight, retain_graph=True)[0]
    wanted = torch.autograd.grad(reference(model(ids), labels, 0.1, 0.2) + others, weight, allow_unused=True)[
        0
    ]
    torch.testing.assert_close(grad, wanted, rtol=1e-4, atol=1e-5)


def test_a_family_that_does_not_add_to_its_loss_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = CausalConfig(z_loss=1e-4)
    assert not list(objective.misfits(LSTMConfig(), DataConfig()))
    monkeypatch.setattr(LSTMConfig, "regularizes", False)
    (problem,) = objective.misfits(LSTMConfig(), DataConfig())
    assert "does not add to the loss" in problem
