"""A teacher's distributions as a loss: the definition, made in chunks, with its gradients."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.config.models import ModelConfig
from tests.train.test_regularized_loss import MODELS, VOCAB, WIDTH, batch
from train.models import IGNORE_INDEX, build_model, lm_head
from train.models.distillation import Distillation, SoftTargets, WholeDistribution
from train.models.lm_head import LMHead, RegularizedLoss
from train.models.top_tokens import TopTokens

TEACHER_WIDTH = 7


def reference(logits: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
    """Of whole logits [N, V], with torch's own losses."""
    targets = labels.flatten()
    hard = F.cross_entropy(logits, targets, ignore_index=IGNORE_INDEX, reduction="sum")
    log_q, log_p = (logits / temperature).log_softmax(-1), (teacher / temperature).log_softmax(-1)
    divergences = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    soft = temperature**2 * divergences[targets != IGNORE_INDEX].sum()
    return (1 - weight) * hard + weight * soft


def teacher_of(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states, weight and bias, in fp64; of more tokens than the student knows."""
    generator = torch.Generator().manual_seed(5)
    sizes = ((rows, TEACHER_WIDTH), (VOCAB + 2, TEACHER_WIDTH), (VOCAB + 2,))
    hidden, weight, bias = (torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes)
    return hidden, weight, bias


@pytest.mark.parametrize("tokens_at_once", [5, 1000])
@pytest.mark.parametrize(("temperature", "weight"), [(1.0, 0.5), (2.0, 0.3), (3.5, 1.0)])
def test_it_is_the_definition_with_its_gradients(
    monkeypatch: pytest.MonkeyPatch, tokens_at_once: int, temperature: float, weight: float
) -> None:
    monkeypatch.setattr(lm_head, "CPU_CHUNK", tokens_at_once * VOCAB)
    torch.manual_seed(1)
    head, hidden = LMHead(WIDTH, VOCAB, 0.5), torch.randn(2, 9, WIDTH, requires_grad=True)
    labels = batch(2, 9)[1]
    theirs = teacher_of(18)
    targets = WholeDistribution(*(tensor.float() for tensor in theirs), VOCAB, temperature)
    found = head(hidden, labels, regularization=Distillation(targets, temperature, weight))
    assert isinstance(found, RegularizedLoss)
    exact = [tensor.detach().double().requires_grad_() for tensor in (hidden, head.weight)]
    teacher = F.linear(*theirs)[:, :VOCAB]
    wanted = reference(F.linear(*exact).flatten(0, 1), teacher, labels, temperature, weight)
    torch.testing.assert_close(found.trained.double(), wanted, rtol=1e-5, atol=1e-5)
    plain = reference(F.linear(*exact).flatten(0, 1), teacher, labels, temperature, 0.0)
    torch.testing.assert_close(found.plain.double(), plain, rtol=1e-5, atol=1e-5)
    assert not found.plain.requires_grad
    grads = torch.autograd.grad(found.trained, (hidden, head.weight))
    for grad, want in zip(grads, torch.autograd.grad(wanted, exact), strict=True):
        torch.testing.assert_close(grad.double(), want, rtol=1e-4, atol=1e-5)


def merged(logits: Tensor, likeliest: Tensor) -> Tensor:
    """Log-probabilities [N, k + 1] of logits [N, V]: of the likeliest tokens, and of all others together."""
    log_probs = logits.log_softmax(-1)
    others = 1 - log_probs.exp().gather(1, likeliest).sum(-1, keepdim=True)
    return torch.cat([log_probs.gather(1, likeliest), others.log()], -1)


@pytest.mark.parametrize("k", [1, 5, VOCAB - 1])
def test_of_the_likeliest_tokens_it_is_the_divergence_with_all_others_as_one(k: int) -> None:
    torch.manual_seed(1)
    theirs, temperature = teacher_of(18), 2.0
    teacher = F.linear(*theirs)[:, :VOCAB] / temperature
    whole = WholeDistribution(*(tensor.float() for tensor in theirs), VOCAB, temperature)
    top = TopTokens.of(whole, 18, k)
    assert torch.equal(top.tokens.sort(-1).values.long(), teacher.topk(k).indices.sort(-1).values)
    scores = torch.randn(18, VOCAB, dtype=torch.float64, requires_grad=True)
    log_p = merged(teacher, top.tokens.long())
    torch.testing.assert_close(top.log_probs.double(), log_p, rtol=1e-3, atol=1e-3)
    rounded = top.log_probs.double().log_softmax(-1)
    wanted = F.kl_div(merged(scores, top.tokens.long()), rounded, reduction="none", log_target=True).sum(-1)
    found = top.compare(scores.detach().float(), 0)
    torch.testing.assert_close(found.total[:, 0].double(), wanted, rtol=1e-4, atol=1e-5)
    grad = torch.autograd.grad(wanted.sum(), scores)[0]
    torch.testing.assert_close(found.gradient.double(), grad, rtol=1e-4, atol=1e-5)
    if k == VOCAB - 1:  # the others are one token: nothing is lost but what rounding to fp16 takes
        exact = whole.compare(scores.detach().float(), 0)
        torch.testing.assert_close(found.total, exact.total, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(found.gradient, exact.gradient, rtol=2e-3, atol=2e-3)


def test_a_student_that_gives_the_others_nothing_is_told_a_finite_loss() -> None:
    top = TopTokens(torch.tensor([[0, 1]]), torch.tensor([[0.4, 0.4, 0.2]]).log().half())
    found = top.compare(torch.tensor([[300.0, 300.0, 0.0, 0.0]]), 0)
    assert bool(torch.isfinite(found.total).all())
    assert bool(torch.isfinite(found.gradient).all())


def test_a_student_like_its_teacher_has_nothing_to_learn_of_it() -> None:
    torch.manual_seed(1)
    head, hidden = LMHead(WIDTH, VOCAB, 0.5), torch.randn(2, 9, WIDTH, requires_grad=True)
    same = WholeDistribution(hidden.detach().flatten(0, 1), head.weight.detach(), None, VOCAB, 2.0)
    found = head(hidden, batch(2, 9)[1], regularization=Distillation(same, 2.0, 1.0))
    assert isinstance(found, RegularizedLoss)
    assert float(found.trained.detach()) == pytest.approx(0, abs=1e-5)
    assert float(torch.autograd.grad(found.trained, hidden)[0].abs().max()) < 1e-6


@pytest.mark.parametrize("name", MODELS)
def test_every_family_learns_from_a_teacher_and_tells_the_plain_loss(name: str) -> None:
    config: ModelConfig = MODELS[name]
    torch.manual_seed(3)
    model = build_model(config, VOCAB)
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    ids, labels = batch(2, 8)
    teacher = torch.randn(16, VOCAB)
    targets: SoftTargets = WholeDistribution(teacher, None, None, VOCAB, 2.0)
    plain = model(ids, labels)
    found = model(ids, labels, regularization=Distillation(targets, 2.0, 0.4))
    torch.testing.assert_close(found.total, plain.total)
    others = 0.0 if plain.auxiliary is None else plain.auxiliary
    wanted = reference(model(ids).flatten(0, 1), teacher, labels, 2.0, 0.4)
    torch.testing.assert_close(found.total + found.auxiliary - others, wanted, rtol=1e-4, atol=1e-4)
    told, count = found.figures["distillation_loss"]
    soft = reference(model(ids).flatten(0, 1), teacher, labels, 2.0, 1.0)
    torch.testing.assert_close(told, soft.detach(), rtol=1e-4, atol=1e-4)
    assert int(count) == int((labels != IGNORE_INDEX).sum())
    weight = next(model.parameters())
    grad = torch.autograd.grad(found.total + found.auxiliary, weight, retain_graph=True)[0]
    want = torch.autograd.grad(wanted + others, weight)[0]
    torch.testing.assert_close(grad, want, rtol=1e-4, atol=1e-4)
