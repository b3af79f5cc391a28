"""Parameter groups, and Muon's step."""

import copy

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.optimizers.muon import MuonConfig
from pipeline.config.schedules.linear import LinearSchedule
from pipeline.errors import UserError
from train.models import build_model
from train.models.encoder_decoder.hf_config import to_hf_config
from train.module import _learning_rates
from train.optim import build_optimizer
from train.optim.muon import Muon, orthogonalize
from train.optim.scheduler import build_scheduler

VOCAB = 53


def decoder(layout: str = "llama", **fields) -> nn.Module:
    torch.manual_seed(6)
    return build_model(DecoderConfig(layout=layout, layers=2, hidden=32, context=16, **fields), VOCAB)


def names_in(model: nn.Module, group: dict) -> set[str]:
    wanted = {id(p) for p in group["params"]}
    return {name for name, p in model.named_parameters() if id(p) in wanted}


def muon(parameters: list[nn.Parameter], split: int = 1, weight_decay: float = 0.1) -> Muon:
    group = {"params": parameters, "kind": "muon", "split": split, "scale": 1.0}
    return Muon([group | {"lr": 0.1, "momentum": 0.9, "weight_decay": weight_decay}])


def train(model: nn.Module, optimizer, steps: int) -> list[float]:
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(VOCAB, (4, 17), generator=generator)
    losses = []
    for _ in range(steps):
        total, tokens, *_ = model(ids[:, :-1], ids[:, 1:])
        (total / tokens).backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append((total / tokens).item())
    return losses


@pytest.mark.parametrize("layout", ["gpt2", "llama", "qwen3"])
def test_norms_and_biases_do_not_decay(layout):
    model = decoder(layout)
    optimizer = build_optimizer(model, AdamWConfig(weight_decay=0.3))
    groups = {group["weight_decay"]: names_in(model, group) for group in optimizer.param_groups}
    assert groups.keys() == {0.3, 0.0}
    assert groups[0.0] == {name for name, p in model.named_parameters() if p.ndim == 1}
    assert groups[0.3] | groups[0.0] == {name for name, _ in model.named_parameters()}


def test_muon_takes_the_matrices_of_the_layers_only():
    model = decoder("llama", tie_embeddings=False)
    optimizer = build_optimizer(model, OptimizerConfig.choose("muon", lr=1e-3, muon_lr=2e-2))
    muon = set().union(*(names_in(model, g) for g in optimizer.param_groups if g["kind"] == "muon"))
    adamw = set().union(*(names_in(model, g) for g in optimizer.param_groups if g["kind"] == "adamw"))
    assert "model.layers.1.self_attn.q_proj.weight" in muon
    assert {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"} <= adamw
    assert len(muon) == 2 * 7
    assert muon | adamw == {name for name, _ in model.named_parameters()}
    assert {g["lr"] for g in optimizer.param_groups if g["kind"] == "muon"} == {2e-2}


def test_embeddings_have_a_rate_of_their_own_unless_they_are_the_output_matrix_too():
    config = OptimizerConfig.choose("muon", lr=1e-3, muon_lr=2e-2, embedding_lr=3e-2)
    rates = {}
    for tied in (False, True):
        model = decoder("llama", tie_embeddings=tied)
        groups = build_optimizer(model, config).param_groups
        rates[tied] = {name: group["lr"] for group in groups for name in names_in(model, group)}
    assert rates[False]["model.embed_tokens.weight"] == 3e-2
    assert rates[False]["lm_head.weight"] == rates[True]["model.embed_tokens.weight"] == 1e-3
    untied = build_optimizer(decoder("llama", tie_embeddings=False), config).param_groups
    assert _learning_rates(untied) == {"lr": 1e-3, "muon_lr": 2e-2, "embedding_lr": 3e-2}


def test_frozen_parameters_stay_out():
    model = decoder()
    for parameter in model.model.embed_tokens.parameters():
        parameter.requires_grad_(False)
    for name in ("adamw", "muon"):
        optimizer = build_optimizer(model, OptimizerConfig.choose(name))
        assert "model.embed_tokens.weight" not in set().union(
            *(names_in(model, g) for g in optimizer.param_groups)
        )


@pytest.mark.parametrize("shape", [(40, 40), (40, 100), (100, 40)])
def test_orthogonalized_singular_values_are_near_one(shape):
    generator = torch.Generator().manual_seed(8)
    matrices = [torch.randn(shape, generator=generator) * scale for scale in (1e-4, 1.0, 1e3)]
    for matrix, result in zip(matrices, orthogonalize(matrices), strict=True):
        assert result.shape == matrix.shape
        values = torch.linalg.svdvals(result)
        assert values.max() < 1.3
        # A square random matrix has singular values near 0, which five iterations only begin to lift.
        assert values.quantile(0.05) > 0.6
        u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
        assert nn.functional.cosine_similarity(result.flatten(), (u @ vh).flatten(), dim=0) > 0.97


def test_first_step_of_muon_is_the_orthogonalized_gradient_at_adamws_scale():
    weight = nn.Parameter(torch.zeros(48, 24))
    gradient = torch.randn(48, 24)
    optimizer = muon([weight], weight_decay=0.0)
    weight.grad = gradient.clone()
    optimizer.step()
    expected = -0.1 * 0.2 * 48**0.5 * orthogonalize([gradient])[0]
    torch.testing.assert_close(weight.data, expected)
    # Liu et al. (2025): the root mean square of an update is about 0.2 × lr.
    assert weight.square().mean().sqrt().item() == pytest.approx(0.2 * 0.1, rel=0.2)


def test_weight_decay_of_muon_is_decoupled():
    weight = nn.Parameter(torch.ones(8, 8))
    optimizer = muon([weight], weight_decay=0.5)
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.testing.assert_close(weight.data, torch.full((8, 8), 0.95))


def test_gpt2s_fused_matrix_trains_like_llamas_three():
    fused = nn.Parameter(torch.zeros(24, 72))
    parts = [nn.Parameter(torch.zeros(24, 24)) for _ in range(3)]
    one, three = muon([fused], split=3), muon(parts)
    for _ in range(3):
        fused.grad = torch.randn(24, 72)
        for part, grad in zip(parts, fused.grad.chunk(3, 1), strict=True):
            part.grad = grad.clone()
        one.step()
        three.step()
    torch.testing.assert_close(fused.data, torch.cat([part.data for part in parts], 1))


def test_gpt2s_fused_matrix_is_split_by_build_optimizer():
    model = decoder("gpt2")
    optimizer = build_optimizer(model, OptimizerConfig.choose("muon"))
    split = {
        group["split"]: names_in(model, group) for group in optimizer.param_groups if group["kind"] == "muon"
    }
    assert split[3] == {f"transformer.h.{layer}.attn.c_attn.weight" for layer in range(2)}
    assert len(split[1]) == 2 * 3


@pytest.mark.parametrize("of", ["ours", "transformers"])
def test_queries_of_a_t5_take_smaller_steps(of):
    """Else its scores, which are not divided by the root of a head's size, grow faster than those of others."""
    config = EncoderDecoderConfig(layers=2, hidden=32, heads=4, head_size=4, context=16)
    model = build_model(config, VOCAB)
    if of == "transformers":
        fields = to_hf_config(config, VOCAB)
        model = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(**fields))
    optimizer = build_optimizer(model, OptimizerConfig.choose("muon", lr=0.1))
    scale = {
        name: group["scale"]
        for group in optimizer.param_groups
        if group["kind"] == "muon"
        for name in names_in(model, group)
    }
    queries = {name for name in scale if name.endswith("Attention.q.weight")}
    assert len(queries) == 3 * 2  # of the encoder, of the decoder, and of the decoder to the encoder
    assert {name: 0.5 if name in queries else 1.0 for name in scale} == scale

    before = {name: parameter.clone() for name, parameter in model.named_parameters() if name in scale}
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    for name, old in before.items():
        size = (model.get_parameter(name) - old).norm() / max(old.shape) ** 0.5 / min(old.shape) ** 0.5
        assert size.item() == pytest.approx(0.1 * 0.2 * scale[name], rel=0.3)


@pytest.mark.parametrize("layout", ["gpt2", "llama", "qwen3"])
def test_muon_reduces_the_loss(layout):
    model = decoder(layout)
    losses = train(model, build_optimizer(model, OptimizerConfig.choose("muon", lr=1e-2)), 15)
    assert losses[-1] < losses[0] - 1.5


def test_muons_adamw_is_torchs():
    first = decoder()
    second = copy.deepcopy(first)
    config = OptimizerConfig.choose("muon", lr=1e-2)
    ours = build_optimizer(first, config)
    matrices = [p for g in ours.param_groups if g["kind"] == "muon" for p in g["params"]]
    for parameter in matrices:
        parameter.requires_grad_(False)
    frozen = {name for name, p in first.named_parameters() if not p.requires_grad}
    for name, parameter in second.named_parameters():
        parameter.requires_grad_(name not in frozen)
    theirs = build_optimizer(second, OptimizerConfig.choose("adamw", lr=1e-2))
    assert train(first, ours, 5) == pytest.approx(train(second, theirs, 5), abs=1e-6)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_state_survives_saving(name, tmp_path):
    model = decoder("gpt2")
    optimizer = build_optimizer(model, OptimizerConfig.choose(name, lr=1e-2))
    train(model, optimizer, 3)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "state.pt")
    expected = train(model, optimizer, 3)

    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed = decoder("gpt2")
    resumed.load_state_dict(saved["model"])
    fresh = build_optimizer(resumed, OptimizerConfig.choose(name, lr=1e-2))
    fresh.load_state_dict(saved["optimizer"])
    assert train(resumed, fresh, 3) == expected


def test_one_schedule_moves_every_group_from_its_own_peak():
    optimizer = build_optimizer(decoder(), OptimizerConfig.choose("muon", lr=1e-3, muon_lr=2e-2))
    scheduler = build_scheduler(optimizer, LinearSchedule(warmup=0, min_ratio=0.0), 11)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    for group in optimizer.param_groups:
        assert group["lr"] == pytest.approx((2e-2 if group["kind"] == "muon" else 1e-3) / 2)


def test_muon_without_matrices_is_refused():
    with pytest.raises(UserError, match="use adamw"):
        build_optimizer(build_model(LSTMConfig(hidden=8, embedding=8), VOCAB), OptimizerConfig.choose("muon"))


def test_muon_on_flat_slices_is_refused():
    flat = nn.Parameter(torch.zeros(64))
    optimizer = muon([flat], weight_decay=0.0)
    flat.grad = torch.ones(64)
    with pytest.raises(UserError, match="whole matrices"):
        optimizer.step()


def transformers_model(**fields) -> nn.Module:
    torch.manual_seed(6)
    shared = {"hidden_size": 16, "num_hidden_layers": 2}
    return build_model(HuggingFaceConfig(config={**shared, **fields}, context=16), VOCAB)


MIXTURE = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 24}


def names_by(model: nn.Module, key: str) -> dict[object, set[str]]:
    """Parameters by what their group says, without the layers' numbers and what comes before."""
    found: dict[object, set[str]] = {}
    for group in build_optimizer(model, MuonConfig()).param_groups:
        names = {name.rpartition("layers.")[2].partition(".")[2] for name in names_in(model, group)}
        found.setdefault(group[key], set()).update(names)
    return found


@pytest.mark.parametrize(
    ("fields", "muon", "adamw"),
    [
        (
            {"model_type": "mixtral", "num_local_experts": 4, **MIXTURE},
            {
                "mlp.experts.gate_up_proj",
                "mlp.experts.down_proj",
                "mlp.gate.weight",
                "self_attn.q_proj.weight",
            },
            {"input_layernorm.weight"},
        ),
        (
            {"model_type": "gpt_oss", "num_local_experts": 4, **MIXTURE},
            {"mlp.experts.gate_up_proj", "mlp.experts.down_proj"},
            {"mlp.experts.gate_up_proj_bias", "mlp.experts.down_proj_bias", "self_attn.sinks"},
        ),
        (
            {"model_type": "mamba", "state_size": 4},
            {"mixer.in_proj.weight", "mixer.out_proj.weight"},
            {"mixer.A_log", "mixer.conv1d.weight"},
        ),
        (
            {"model_type": "cohere", "use_qk_norm": True, **MIXTURE},
            {"self_attn.q_proj.weight"},
            {"self_attn.q_norm.weight"},
        ),
    ],
    ids=lambda value: value.get("model_type", "") if isinstance(value, dict) else "",
)
def test_muon_takes_stacks_of_experts_and_nothing_that_is_no_matrix(fields, muon, adamw):
    found = names_by(transformers_model(**fields), "kind")
    assert muon <= found["muon"]
    assert adamw <= found["adamw"]
    assert not found["muon"] & found["adamw"] - {""}


@pytest.mark.parametrize(
    ("fields", "spared"),
    [
        ({"model_type": "gpt_oss", "num_local_experts": 4, **MIXTURE}, "mlp.experts.gate_up_proj_bias"),
        ({"model_type": "mamba", "state_size": 4}, "mixer.A_log"),
        ({"model_type": "rwkv", "attention_hidden_size": 16}, "time_mix_key"),
        ({"model_type": "cohere", "use_qk_norm": True, **MIXTURE}, "self_attn.q_norm.weight"),
    ],
    ids=lambda value: value.get("model_type", "") if isinstance(value, dict) else "",
)
def test_what_is_no_matrix_does_not_decay_however_it_is_shaped(fields, spared):
    found = names_by(transformers_model(**fields), "weight_decay")
    assert any(name.endswith(spared) for name in found[0.0])
    assert not any(name.endswith(spared) for name in found[0.1])


def test_each_expert_trains_as_a_matrix_of_its_own():
    stack = nn.Parameter(torch.zeros(3, 24, 8))
    parts = [nn.Parameter(torch.zeros(24, 8)) for _ in range(3)]
    one, three = muon([stack]), muon(parts)
    for _ in range(3):
        stack.grad = torch.randn(3, 24, 8) * torch.tensor([1.0, 10.0, 0.0])[:, None, None]  # one is idle
        for part, grad in zip(parts, stack.grad, strict=True):
            part.grad = grad.clone()
        one.step()
        three.step()
    torch.testing.assert_close(stack.data, torch.stack([part.data for part in parts]))
    assert stack[0].norm() > 0.5 * stack[1].norm()


def test_what_muon_leaves_to_adamw_is_said(caplog):
    with caplog.at_level("INFO", logger="train"):
        build_optimizer(transformers_model(model_type="mamba", state_size=4), MuonConfig())
    assert "256 of them in tensors of three or more dimensions" in caplog.text
