"""The FLOPs formula against torch's own count."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from train.models import build_model, family, grouped

VOCAB, TOKENS = 512, 64
MIXTURE = {
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "intermediate_size": 256,
    "num_experts_per_tok": 2,
    "experts_implementation": "eager",  # the counter knows no grouped products
}


def _flops(x: torch.Size, weight: torch.Size, *_: object, **__: object) -> int:
    return 2 * x[0] * weight[1] * weight[2]


def _backward_flops(grad: torch.Size, x: torch.Size, weight: torch.Size, *_: object, **__: object) -> int:
    return 2 * _flops(x, weight)


assert grouped  # which brings the operations
GROUPED = {
    torch.ops.lm_workflow.grouped_linear: _flops,
    torch.ops.lm_workflow.grouped_linear_backward: _backward_flops,
}
"""Each row passes one of the matrices, whatever their number: the counter knows only torch's own operations."""


@pytest.mark.parametrize(
    "config",
    [
        DecoderConfig(layout="gpt2", layers=3, hidden=96, heads=4, context=TOKENS),
        DecoderConfig(layout="llama", layers=3, hidden=96, heads=4, kv_heads=2, context=TOKENS),
        DecoderConfig(layout="qwen3", layers=3, hidden=96, heads=4, head_size=32, context=TOKENS),
        DecoderConfig(layout="qwen3", layers=3, hidden=96, heads=4, sliding_window=8, context=TOKENS),
        DecoderConfig(layout="qwen3", layers=3, hidden=96, heads=4, experts=8, context=TOKENS),
        HuggingFaceConfig(
            config={
                "model_type": "gpt_neox",
                "hidden_size": 96,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "intermediate_size": 256,
            },
            context=TOKENS,
        ),
        HuggingFaceConfig(
            config={"model_type": "mixtral", "num_local_experts": 8, **MIXTURE}, context=TOKENS
        ),
        HuggingFaceConfig(
            config={"model_type": "qwen3_moe", "num_experts": 8, "moe_intermediate_size": 128, **MIXTURE},
            context=TOKENS,
        ),
        HuggingFaceConfig(
            config={"model_type": "qwen2_moe", "num_experts": 8, "moe_intermediate_size": 128, **MIXTURE}
            | {"shared_expert_intermediate_size": 192},
            context=TOKENS,
        ),
    ],
    ids=lambda config: getattr(config, "layout", None) or config.config["model_type"],
)
def test_formula_agrees_with_the_counter(config):
    model = build_model(config, VOCAB)
    ids = torch.randint(VOCAB, (2, TOKENS))
    # The counter knows neither the CPU's fused attention nor the in-place products of the chunked loss.
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False, custom_mapping=GROUPED) as counter,
    ):
        F.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
    counted = counter.get_total_flops() / ids.numel()
    assert family(config).flops_per_token(config, VOCAB, TOKENS) == pytest.approx(counted, rel=0.03)


@pytest.mark.parametrize("layout", ["bert", "modernbert"])
def test_formula_of_the_encoder_counts_its_head_at_the_masked_places_alone(layout):
    config = EncoderConfig(layout=layout, layers=3, hidden=96, heads=4, context=TOKENS)
    model = build_model(config, VOCAB)
    ids, places = torch.randint(VOCAB, (2, TOKENS)), torch.arange(10).expand(2, -1)
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        F.cross_entropy(model(ids, places=places).flatten(0, 1), ids[:, :10].flatten()).backward()
    counted = counter.get_total_flops() / ids.numel()
    predicted = family(config).with_targets(10).flops_per_token(config, VOCAB, TOKENS)
    assert predicted == pytest.approx(counted, rel=0.03)


@pytest.mark.parametrize("layout", ["t5", "t5_v1_1"])
def test_formula_of_the_encoder_decoder_agrees_with_the_counter(layout):
    sizes = {"layers": 3, "decoder_layers": 2, "hidden": 96, "heads": 4, "context": TOKENS}
    config = EncoderDecoderConfig(layout=layout, **sizes)
    model = build_model(config, VOCAB)
    ids, targets = torch.randint(VOCAB, (2, TOKENS)), torch.randint(VOCAB, (2, 17))
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        F.cross_entropy(model(ids, decoder_input_ids=targets).flatten(0, 1), targets.flatten()).backward()
    counted = counter.get_total_flops() / ids.numel()
    predicted = family(config).with_targets(17).flops_per_token(config, VOCAB, TOKENS)
    assert predicted == pytest.approx(counted, rel=0.03)
