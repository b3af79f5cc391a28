"""The memory forecast: exact sizes, activations as autograd keeps them, refusals whose remedies work."""

import contextlib

import pytest
import torch

from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from train.adapters.lora import add_adapters
from train.memory.check import Limit, Plan, check, known_limit, suggestions
from train.memory.predict import predict
from train.memory.sizes import adapter_activations, trained_model
from train.models import Body, as_body, build_model, count_parameters, family
from train.models.numerics import BF16, FP32, Numerics
from train.models.sizes import model_sizes
from train.optim.groups import hidden_matrices

GPT2 = DecoderConfig(layout="gpt2", layers=12, hidden=768, heads=12, context=1024)
LLAMA_1B = DecoderConfig(
    layers=22, hidden=2048, heads=32, kv_heads=4, mlp=5632, context=2048, tie_embeddings=False
)
LLAMA_1B_HIDDEN = 22 * (2048 * (2 * 2048 + 2 * 256) + 3 * 2048 * 5632)
"""Elements of the matrices within its layers."""
VOCAB, ROWS, TOKENS = 512, 2, 128
SMALL = {"hidden": 256, "heads": 4, "context": TOKENS, "mlp": 768, "tie_embeddings": False}
CUDA_80 = Limit(80_000_000_000, None, "a test")


def activation_bytes(config: ModelConfig, numerics: Numerics, masked: bool) -> int:
    return ROWS * TOKENS * family(config).activation_bytes(config, TOKENS, numerics, False, masked)


def plan(trainer: dict, strategy: str = "ddp", model=LLAMA_1B, optim: str = "adamw") -> Plan:
    settings = TrainerConfig(**{"steps": 1, "precision": "bf16", **trainer})
    return Plan(
        model, 32_000, OptimizerConfig.choose(optim), settings, StrategyConfig.choose(strategy), on_gpu=True
    )


def test_published_sizes_without_building_weights() -> None:
    assert model_sizes(GPT2, 50_257).parameters == 124_439_808
    sizes = model_sizes(LLAMA_1B, 32_000)
    assert sizes.parameters == 1_100_048_384
    assert sizes.parameters == sizes.outside + 22 * sizes.block
    assert sizes.matrices == LLAMA_1B_HIDDEN + 32_000 * 2048


@pytest.mark.parametrize(
    "config",
    [
        LSTMConfig(hidden=24, embedding=16),
        HuggingFaceConfig(config={"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 2}),
    ],
)
def test_other_families_are_sized_too(config) -> None:
    expected = count_parameters(build_model(config, 100))
    assert model_sizes(config, 100).parameters == expected
    memory = predict(
        config, 100, AdamWConfig(), TrainerConfig(steps=1), StrategyConfig.choose("single"), on_gpu=False
    )
    assert memory.states == 16 * expected
    assert memory.activations > 0


def kept_by_autograd(model: torch.nn.Module, autocast: bool, masked: bool = False) -> int:
    """Bytes that a forward pass saves for the backward pass, weights left out."""
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    sizes: dict[int, int] = {}
    kept = []  # or storages would be used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
            kept.append(tensor)
        return tensor

    ids = torch.randint(VOCAB, (ROWS, TOKENS))
    context = torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), context:
        model(ids, ids, torch.zeros_like(ids) if masked else None)
    return sum(sizes.values())


@pytest.mark.parametrize("layout", ["gpt2", "llama", "qwen3", "local", "mixture"])
@pytest.mark.parametrize("mode", ["fp32", "bf16", "autocast"])
@pytest.mark.parametrize("masked", [False, True])
def test_activations_of_a_block_are_what_autograd_keeps(layout: str, mode: str, masked: bool) -> None:
    extra: dict = {} if layout == "gpt2" else {"kv_heads": 2}
    if layout == "local":
        layout, extra = "qwen3", {**extra, "sliding_window": 32, "layer_types": ["sliding_attention"]}
    if layout == "mixture":
        layout, extra = "qwen3", {**extra, "experts": 8}
    numerics = Numerics(
        FP32 if mode == "fp32" else BF16, BF16 if mode == "bf16" else FP32, mode == "autocast", on_gpu=False
    )
    measured, predicted = [], []
    for layers in (1, 2):
        config = DecoderConfig(layout=layout, layers=layers, **SMALL, **extra)
        model = build_model(config, VOCAB)
        measured.append(
            kept_by_autograd(model.bfloat16() if mode == "bf16" else model, mode == "autocast", masked)
        )
        predicted.append(activation_bytes(config, numerics, masked))
    block = predicted[1] - predicted[0]
    if mode == "autocast":  # the casts of the block's weights are counted among the buffers
        block += BF16 * sum(p.numel() for p in hidden_matrices(model)) // 2
    assert measured[1] - measured[0] == pytest.approx(block, rel=0.06)


class Hidden(torch.nn.Module):
    """An encoder without its head."""

    def __init__(self, encoder: Body):
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, _: torch.Tensor, segments: torch.Tensor | None) -> torch.Tensor:
        return self.encoder.hidden(ids, segments=segments)


@pytest.mark.parametrize("layout", ["bert", "modernbert"])
@pytest.mark.parametrize("mode", ["fp32", "bf16", "autocast"])
@pytest.mark.parametrize("masked", [False, True])
def test_activations_of_an_encoders_block_are_what_autograd_keeps(
    layout: str, mode: str, masked: bool
) -> None:
    numerics = Numerics(
        FP32 if mode == "fp32" else BF16, BF16 if mode == "bf16" else FP32, mode == "autocast", on_gpu=False
    )
    measured, predicted = [], []
    for layers in (1, 2):
        config = EncoderConfig(layout=layout, layers=layers, global_every=1, **SMALL)
        model = as_body(build_model(config, VOCAB))
        cast = Hidden(model.bfloat16() if mode == "bf16" else model)
        measured.append(kept_by_autograd(cast, mode == "autocast", masked))
        predicted.append(activation_bytes(config, numerics, masked))
    block = predicted[1] - predicted[0]
    if mode == "autocast":
        block += BF16 * sum(p.numel() for p in hidden_matrices(model)) // 2
    assert measured[1] - measured[0] == pytest.approx(block, rel=0.06)
    assert measured[0] < predicted[0]


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_activations_of_adapters_are_what_autograd_keeps(dropout: float) -> None:
    lora, kept = LoRAConfig(rank=16, dropout=dropout), []
    for layers in (1, 2):
        config = DecoderConfig(layout="llama", layers=layers, **SMALL)
        model = build_model(config, VOCAB)
        add_adapters(model, lora)
        kept.append(kept_by_autograd(model, False))
    numerics = Numerics(FP32, FP32, False, on_gpu=False)
    predicted = [
        activation_bytes(config, numerics, False)
        + ROWS * TOKENS * adapter_activations(trained_model(config, VOCAB, lora), lora, FP32)
        for config in (DecoderConfig(layout="llama", layers=layers, **SMALL) for layers in (1, 2))
    ]
    # Norms, whose weights are frozen, keep less than what is predicted for those that are trained.
    assert kept[1] - kept[0] == pytest.approx(predicted[1] - predicted[0], rel=0.1)


def test_a_mask_is_kept_once_whatever_the_number_of_layers() -> None:
    rows = []
    for layers in (1, 4):
        config = DecoderConfig(layout="gpt2", layers=layers, **SMALL)
        model = build_model(config, VOCAB)
        rows.append(kept_by_autograd(model, False, masked=True) - kept_by_autograd(model, False))
    assert rows[0] == pytest.approx(rows[1], rel=0.01)
    numerics = Numerics(FP32, FP32, False, on_gpu=False)
    with_mask, without = (activation_bytes(config, numerics, masked) for masked in (True, False))
    assert with_mask - without == pytest.approx(rows[0], rel=0.3)


def test_recomputation_smaller_batches_and_spreading_save_what_they_should() -> None:
    base = plan({"global_batch": 64, "devices": 8, "micro_batch": 8}).memory()
    smaller = plan({"global_batch": 64, "devices": 8, "micro_batch": 2}).memory()
    assert smaller.activations * 4 == base.activations
    assert smaller.states == base.states == 16 * 1_100_048_384
    recomputed = plan(
        {"global_batch": 64, "devices": 8, "micro_batch": 8, "activation_checkpointing": True}
    ).memory()
    assert recomputed.activations < base.activations / 5
    half = plan({"global_batch": 64, "devices": 8, "micro_batch": 8, "activation_checkpointing": 2}).memory()
    assert half.activations == pytest.approx((recomputed.activations + base.activations) / 2, rel=0.05)
    states = [
        plan({"global_batch": 64, "devices": 8, "micro_batch": 8}, name).memory().states
        for name in ("ddp", "zero1", "zero3", "fsdp")
    ]
    assert states == sorted(states, reverse=True)
    assert states[-1] == pytest.approx(states[0] / 8)
    offloaded = plan({"global_batch": 64, "devices": 8, "micro_batch": 8}, "zero3_offload").memory()
    assert offloaded.parameters == offloaded.optimizer == 0 < offloaded.host
    muon = plan({"global_batch": 64, "devices": 8, "micro_batch": 8}, optim="muon").memory()
    assert base.optimizer - muon.optimizer == 4 * LLAMA_1B_HIDDEN


@pytest.mark.parametrize("gigabytes", [40, 24, 16, 10])
def test_what_is_suggested_fits_by_the_same_formula(gigabytes: int) -> None:
    settings = {"global_batch": 64, "devices": 8}
    asked, limit = plan(settings), Limit(gigabytes * 10**9, None, "a test")
    assert not asked.fits(limit)
    found = suggestions(asked, limit)
    assert 0 < len(found) <= 4
    for words in found:
        changes = dict(word.split("=") for word in words.split())
        strategy = changes.pop("strategy", "ddp")
        changed = {key.removeprefix("trainer."): value for key, value in changes.items()}
        assert plan(settings | changed, strategy).fits(limit), words


def test_what_cannot_fit_is_refused_with_figures_and_remedies() -> None:
    asked = plan({"global_batch": 512, "devices": 8})
    with pytest.raises(
        UserError, match=r"does not fit: each rank needs about \d+\.\d GB and has 80\.0 GB"
    ) as told:
        check(asked, CUDA_80)
    assert "trainer.micro_batch=" in str(told.value)
    check(asked, None)
    check(plan({"global_batch": 512, "devices": 8, "micro_batch": 8}), CUDA_80)
    with pytest.raises(UserError, match="use more devices or a smaller model"):
        check(asked, Limit(1_500_000_000, None, "a test"))


def test_the_host_can_be_too_small_for_what_is_offloaded() -> None:
    asked = plan({"global_batch": 8, "devices": 1, "micro_batch": 1}, "zero3_offload")
    check(asked, Limit(80_000_000_000, 64_000_000_000, "a GPU"))
    with pytest.raises(UserError, match="offloaded part"):
        check(asked, Limit(80_000_000_000, 8_000_000_000, "a GPU"))


def test_the_host_needs_room_for_the_weights_while_the_model_is_built() -> None:
    """Layer by layer where ranks draw them so; else all of them, on each rank."""
    settings = {"global_batch": 8, "devices": 8, "micro_batch": 1}
    ours, alone = plan(settings, "fsdp"), plan(settings | {"devices": 1}, "single")
    assert ours.memory().start == 4 * 32_000 * 2048
    assert alone.memory().start == 4 * 1_100_048_384
    foreign = HuggingFaceConfig(config={"model_type": "gpt2", "n_embd": 512, "n_layer": 2, "n_head": 8})
    theirs = plan(settings, "fsdp", foreign)
    assert theirs.memory().start == 4 * model_sizes(foreign, 32_000).parameters
    check(ours, Limit(80_000_000_000, 300_000_000, "a GPU"))
    with pytest.raises(UserError, match="copy of the weights while the model is built"):
        check(alone, Limit(80_000_000_000, 3_000_000_000, "a GPU"))


def test_the_limit_of_cpu_ranks_is_their_share_of_the_machine() -> None:
    one, four = (known_limit(TrainerConfig(steps=1, devices=n), on_gpu=False).device for n in (1, 4))
    assert one // 4 == four > 0
    assert known_limit(TrainerConfig(steps=1, device_memory_gb=24), on_gpu=True).device == 24_000_000_000


def test_a_refusal_names_what_takes_most_such_as_the_step_of_muon() -> None:
    with pytest.raises(UserError, match=r"most of it: .*optimizer's step \d+\.\d"):
        check(plan({"global_batch": 1}, optim="muon"), Limit(20_000_000_000, None, "a test"))
