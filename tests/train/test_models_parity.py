"""Our decoder is the Hugging Face class: same logits, same training, same files."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.rope_scaling import RopeScalingConfig
from pipeline.errors import UserError
from train.models import IGNORE_INDEX
from train.models.decoder.hf_config import from_hf_config, to_hf_config
from train.models.decoder.model import Decoder

VOCAB = 101
SIZES = {"layers": 2, "hidden": 64, "heads": 4, "context": 40}
LAYOUTS = {
    "gpt2": DecoderConfig(layout="gpt2", **SIZES),
    "gpt2-narrow-mlp": DecoderConfig(layout="gpt2", mlp=96, tie_embeddings=False, **SIZES),
    "llama": DecoderConfig(layout="llama", **SIZES),
    "llama-grouped": DecoderConfig(layout="llama", kv_heads=2, tie_embeddings=False, norm_eps=1e-6, **SIZES),
    "llama-long-theta": DecoderConfig(layout="llama", kv_heads=1, rope_theta=500000.0, **SIZES),
    "qwen3": DecoderConfig(layout="qwen3", kv_heads=2, head_size=32, **SIZES),
    "qwen3-untied": DecoderConfig(layout="qwen3", tie_embeddings=False, **SIZES),
    "qwen3-local": DecoderConfig(layout="qwen3", kv_heads=2, sliding_window=7, **SIZES),
    "qwen3-all-local": DecoderConfig(
        layout="qwen3", sliding_window=16, layer_types=["sliding_attention"], **SIZES
    ),
    "qwen3-experts": DecoderConfig(layout="qwen3", experts=6, expert_mlp=24, **SIZES),
    "qwen3-unequal-experts": DecoderConfig(
        layout="qwen3", experts=5, experts_per_token=3, norm_topk_prob=False, balance_loss=0.02, **SIZES
    ),
    "llama-linear": DecoderConfig(rope_scaling=RopeScalingConfig(rope_type="linear", factor=4), **SIZES),
    "llama-yarn": DecoderConfig(
        rope_scaling=RopeScalingConfig(rope_type="yarn", factor=4, original_max_position_embeddings=10),
        **SIZES,
    ),
    "qwen3-sharp-yarn": DecoderConfig(
        layout="qwen3",
        head_size=32,
        rope_scaling=RopeScalingConfig(
            rope_type="yarn", factor=8, original_max_position_embeddings=5, beta_fast=4, attention_factor=1.3
        ),
        **SIZES,
    ),
    "llama3": DecoderConfig(
        rope_scaling=RopeScalingConfig(rope_type="llama3", factor=8, original_max_position_embeddings=30),
        head_size=16,
        **SIZES,
    ),
}


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS.keys())
def config(request) -> DecoderConfig:
    return request.param


def reference(config: DecoderConfig) -> nn.Module:
    """The transformers model of our config, with weights far enough from their start to matter."""
    torch.manual_seed(1)
    fields = to_hf_config(config, VOCAB, bos_token_id=0, eos_token_id=0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def test_logits_equal(config):
    theirs = reference(config).eval()
    ours = Decoder(config, VOCAB).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    ids = torch.randint(VOCAB, (3, config.context))
    with torch.no_grad():
        expected = theirs(ids).logits
        assert expected.std() > 0.1
        assert (ours(ids) - expected).abs().max() <= 1e-5


def test_trains_to_the_same_loss(config):
    theirs = reference(config).train()
    ours = Decoder(config, VOCAB).train()
    ours.load_state_dict(theirs.state_dict())
    ours_adam = torch.optim.AdamW(ours.parameters(), lr=3e-3, weight_decay=0.1)
    theirs_adam = torch.optim.AdamW(theirs.parameters(), lr=3e-3, weight_decay=0.1)
    ids = torch.randint(VOCAB, (4, config.context + 1))
    inputs, labels = ids[:, :-1], ids[:, 1:].clone()
    labels[:, :5] = IGNORE_INDEX
    losses = []
    for _ in range(10):
        total, tokens, *_ = ours(inputs, labels)
        expected = F.cross_entropy(theirs(inputs).logits.flatten(0, 1), labels.flatten())
        assert tokens == (labels != IGNORE_INDEX).sum()
        assert (total / tokens).item() == pytest.approx(expected.item(), abs=1e-4)
        for loss, optimizer in ((total / tokens, ours_adam), (expected, theirs_adam)):
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        losses.append(expected.item())
    assert losses[-1] < losses[0] - 0.5


def test_fresh_weights_load_into_transformers_and_back(config, tmp_path):
    ours = Decoder(config, VOCAB).eval()
    fields = to_hf_config(config, VOCAB)
    theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields)).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    theirs.save_pretrained(tmp_path)

    loaded, report = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    again = Decoder(from_hf_config(loaded.config.to_dict()), VOCAB).eval()
    again.load_state_dict(loaded.state_dict(), strict=True)
    ids = torch.randint(VOCAB, (2, 16))
    with torch.no_grad():
        assert torch.equal(again(ids), ours(ids))
        assert (loaded(ids).logits - ours(ids)).abs().max() <= 1e-5


def test_config_survives_the_way_to_transformers_and_back(config):
    back = from_hf_config(AutoConfig.for_model(**to_hf_config(config, VOCAB)).to_dict())
    for name in (
        "layout",
        "layers",
        "hidden",
        "heads",
        "context",
        "rope_theta",
        "norm_eps",
        "tie_embeddings",
        "rope_scaling",
        "sliding_window",
        "windows",
    ):
        assert getattr(back, name) == getattr(config, name)
    for name in ("experts", "experts_per_token", "norm_topk_prob", "balance_loss"):
        if config.experts is not None:
            assert getattr(back, name) == getattr(config, name)
    for derived in ("expert_width", "mlp_width", "head_width", "key_value_heads"):
        assert getattr(back, derived) == getattr(config, derived)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"model_type": "llama", "rope_scaling": {"rope_type": "dynamic", "factor": 8.0}}, "rotary"),
        ({"model_type": "llama", "attention_bias": True}, "biases in attention"),
        ({"model_type": "gpt2", "activation_function": "relu"}, "activation"),
    ],
)
def test_another_architecture_is_refused_by_name(fields, named):
    with pytest.raises(UserError, match=named):
        from_hf_config(fields)


def test_old_style_rope_theta_is_read():
    fields = to_hf_config(LAYOUTS["llama"], VOCAB)
    del fields["rope_parameters"]
    assert from_hf_config(fields | {"rope_theta": 250000.0}).rope_theta == 250000.0
