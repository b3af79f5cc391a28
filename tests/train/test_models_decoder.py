"""What the decoder promises beside parity: loss, cache, recomputation, compilation."""

import math

import pytest
import torch
from torch.nn import functional as F

from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from train.models import IGNORE_INDEX, LanguageModel, build_model, count_parameters, lm_head
from train.models.decoder.growing_cache import ROOM

VOCAB = 97
SIZES = {"layers": 2, "hidden": 32, "heads": 4, "context": 24}
CONFIGS = [
    DecoderConfig(layout="gpt2", **SIZES),
    DecoderConfig(layout="llama", kv_heads=2, **SIZES),
    DecoderConfig(layout="qwen3", kv_heads=1, head_size=16, tie_embeddings=False, **SIZES),
    DecoderConfig(layout="qwen3", kv_heads=2, sliding_window=5, **SIZES),
    DecoderConfig(layout="qwen3", experts=4, **SIZES),
]


@pytest.fixture(
    params=CONFIGS,
    ids=lambda config: (
        config.layout + "-local" * bool(config.sliding_window) + "-mixture" * bool(config.experts)
    ),
)
def model(request):
    torch.manual_seed(2)
    model = build_model(request.param, VOCAB)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def batch(rows: int = 3, tokens: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(VOCAB, (rows, tokens + 1), generator=generator)
    labels = ids[:, 1:].clone()
    labels[0, :7] = IGNORE_INDEX
    return ids[:, :-1], labels


def gradients(model, loss) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def assert_close(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], tolerance: float = 1e-5):
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=tolerance, msg=name)


@pytest.mark.parametrize("tokens_at_once", [7, 1000])
def test_chunked_loss_is_the_cross_entropy_with_its_gradients(model, monkeypatch, tokens_at_once):
    monkeypatch.setattr(lm_head, "CPU_CHUNK", tokens_at_once * VOCAB)
    inputs, labels = batch()
    expected = F.cross_entropy(model(inputs).flatten(0, 1), labels.flatten(), reduction="sum")
    total, tokens, *_ = model(inputs, labels)
    assert tokens == labels.numel() - 7
    assert total.item() == pytest.approx(expected.item(), rel=1e-6)
    assert_close(gradients(model, total * 0.37), gradients(model, expected * 0.37))


def test_loss_of_ignored_labels_only_is_zero(model):
    inputs, labels = batch()
    total, tokens, *_ = model(inputs, torch.full_like(labels, IGNORE_INDEX))
    assert total == 0
    assert tokens == 0
    assert all((grad == 0).all() for grad in gradients(model, total).values())


def test_loss_survives_extreme_logits(model):
    with torch.no_grad():
        model.lm_head.weight.mul_(1e4)
    inputs, labels = batch()
    expected = F.cross_entropy(model(inputs).flatten(0, 1), labels.flatten(), reduction="sum")
    total = model(inputs, labels).total
    assert math.isfinite(total.item())
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)


def test_token_losses_add_up_and_skip_ignored_labels(model):
    inputs, labels = batch()
    losses = model.token_losses(inputs, labels)
    assert losses.shape == labels.shape
    assert (losses[0, :7] == 0).all()
    with torch.no_grad():
        assert model(inputs, labels).total.item() == pytest.approx(losses.sum().item(), rel=1e-5)


@pytest.mark.parametrize("tokens_at_once", [7, 1000])
def test_token_losses_have_the_gradients_of_what_is_made_of_them(model, monkeypatch, tokens_at_once):
    monkeypatch.setattr(lm_head, "CPU_CHUNK", tokens_at_once * VOCAB)
    inputs, labels = batch()
    factors = torch.linspace(-1, 2, len(labels))
    expected = F.cross_entropy(model(inputs).flatten(0, 1), labels.flatten(), reduction="none")
    weighted = (expected.view_as(labels).sum(-1) * factors).sum()
    found = (model.token_losses(inputs, labels).sum(-1) * factors).sum()
    assert_close(gradients(model, found), gradients(model, weighted))


def test_frozen_output_matrix_gets_no_gradient():
    model = build_model(CONFIGS[2], VOCAB)
    model.lm_head.weight.requires_grad_(False)
    total = model(*batch()).total
    total.backward()
    assert model.lm_head.weight.grad is None
    assert model.blocks[0].mlp.up_proj.weight.grad.abs().sum() > 0


def test_cached_decoding_equals_the_full_pass(model):
    model.eval()
    inputs, _ = batch()
    with torch.no_grad():
        full = model(inputs)
        state = model.new_state(3, 24)
        first = model.next_logits(inputs[:, :5], state)
        torch.testing.assert_close(first, full[:, 4], rtol=1e-4, atol=1e-5)
        # A prompt that comes in two pieces, and then token by token.
        several = model.next_logits(inputs[:, 5:11], state)
        torch.testing.assert_close(several, full[:, 10], rtol=1e-4, atol=1e-5)
        for t in range(11, 24):
            step = model.next_logits(inputs[:, t : t + 1], state)
            torch.testing.assert_close(step, full[:, t], rtol=1e-4, atol=1e-5)


def test_laid_out_for_generation_it_is_the_same_model(model):
    """For the loss and for what is read next, of one row, which has kernels of its own, and of several."""
    model.eval()
    inputs, labels = batch()
    with torch.no_grad():
        expected, loss, losses = (
            model(inputs),
            model(inputs, labels).total,
            model.token_losses(inputs, labels),
        )
        for _ in range(2):  # the second time does nothing
            model.lay_out_for_generation()
        torch.testing.assert_close(model(inputs), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model(inputs, labels).total, loss)
        torch.testing.assert_close(model.token_losses(inputs, labels), losses, rtol=1e-4, atol=1e-5)
        for rows in (slice(3), slice(1, 2)):
            state = model.new_state(len(inputs[rows]), 24)
            found = [model.next_logits(inputs[rows, :9], state)]
            found += [model.next_logits(inputs[rows, t : t + 1], state) for t in range(9, 24)]
            torch.testing.assert_close(torch.stack(found, 1), expected[rows, 8:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("takes_onednn", [False, True])
@pytest.mark.parametrize("config", [*CONFIGS, CONFIGS[3].model_copy(update={"sliding_window": ROOM + 8})])
def test_a_cache_that_grows_decodes_as_the_full_pass(config, takes_onednn, monkeypatch):
    """Token by token where there is room and where there is none, in pieces, with padding and after a reordering."""
    monkeypatch.setattr("train.models.decoder.row_sum_cache.onednn_is_faster", lambda: takes_onednn)
    torch.manual_seed(2)
    model = build_model(config.model_copy(update={"context": 3 * ROOM}), VOCAB).eval()
    padding = torch.tensor([0, 3, ROOM + 1])
    inputs = torch.randint(0, VOCAB, (3, 2 * ROOM + 4))
    with torch.no_grad():
        alone = [model(row[None, skipped:])[0] for row, skipped in zip(inputs, padding, strict=True)]
        state = model.new_state(3, inputs.size(1), padding=padding)
        places = [ROOM + 2, ROOM + 3, 2 * ROOM + 1, *range(2 * ROOM + 2, 2 * ROOM + 5)]
        begin = 0
        for end in places:
            found = model.next_logits(inputs[:, begin:end], state)
            expected = [logits[end - 1 - skipped] for logits, skipped in zip(alone, padding, strict=True)]
            torch.testing.assert_close(found, torch.stack(expected), rtol=1e-4, atol=1e-5)
            if end == ROOM + 3:
                order = torch.tensor([2, 0])
                state.reorder(order)
                inputs, padding, alone = inputs[order], padding[order], [alone[2], alone[0]]
            begin = end


def test_left_padding_changes_nothing(model):
    model.eval()
    inputs, _ = batch()
    padding = torch.tensor([0, 4, 9])
    with torch.no_grad():
        padded = torch.zeros_like(inputs)
        for row, p in enumerate(padding):
            padded[row, p:] = inputs[row, : 24 - p]
        state = model.new_state(3, 24, padding=padding)
        found = [model.next_logits(padded[:, :12], state)]
        found += [model.next_logits(padded[:, t : t + 1], state) for t in range(12, 24)]
        for row, p in enumerate(padding):
            alone = model(padded[row : row + 1, p:])[0, 11 - p :]
            torch.testing.assert_close(torch.stack(found)[:, row], alone, rtol=1e-4, atol=1e-5)


def test_beams_can_be_reordered(model):
    model.eval()
    inputs, _ = batch()
    padding = torch.tensor([0, 2, 1])
    rows = torch.tensor([2, 2, 0, 1])
    with torch.no_grad():
        state = model.new_state(3, 24, padding=padding)
        model.next_logits(inputs[:, :8], state)
        state.reorder(rows)
        found = model.next_logits(inputs[rows, 8:9], state)
        straight = model.new_state(4, 24, padding=padding[rows])
        model.next_logits(inputs[rows, :8], straight)
        torch.testing.assert_close(found, model.next_logits(inputs[rows, 8:9], straight))


def test_checkpointing_gives_the_same_gradients(model):
    inputs, labels = batch()
    plain = gradients(model, model(inputs, labels).total)
    runs = []
    model.blocks[0].register_forward_pre_hook(lambda *_: runs.append(1))
    model.gradient_checkpointing = True
    assert_close(gradients(model, model(inputs, labels).total), plain, tolerance=1e-6)
    assert len(runs) == 2, "the block was not computed again"


@pytest.mark.parametrize(("every", "again"), [(1, [0, 1, 2]), (2, [0, 2]), (3, [0]), (5, [0])])
def test_every_so_many_th_block_is_computed_again(every: int, again: list[int]) -> None:
    model = build_model(CONFIGS[1].model_copy(update={"layers": 3}), VOCAB)
    inputs, labels = batch()
    plain = gradients(model, model(inputs, labels).total)
    runs: list[int] = []
    for index, block in enumerate(model.blocks):
        block.register_forward_pre_hook(lambda *_, index=index: runs.append(index))
    model.gradient_checkpointing = every
    assert_close(gradients(model, model(inputs, labels).total), plain, tolerance=1e-6)
    assert sorted(runs) == sorted([0, 1, 2, *again])


def test_checkpointing_repeats_the_dropout():
    model = build_model(CONFIGS[1].model_copy(update={"dropout": 0.3}), VOCAB)
    inputs, labels = batch()
    found = []
    for model.gradient_checkpointing in (False, True):
        torch.manual_seed(4)
        found.append(gradients(model, model(inputs, labels).total))
    assert_close(*found)
    assert model(inputs, labels).total != model(inputs, labels).total


def test_compiles_without_graph_breaks(model):
    inputs, labels = batch()
    expected = gradients(model, model(inputs, labels).total)
    torch.compiler.reset()
    # The tracing is what is asked for here; generating code would take a minute.
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert_close(gradients(model, compiled(inputs, labels).total), expected)


def test_token_losses_compile_without_graph_breaks(model):
    inputs, labels = batch()

    def squared(losses: torch.Tensor) -> torch.Tensor:
        return losses.sum(-1).square().sum()

    expected = gradients(model, squared(model.token_losses(inputs, labels)))
    torch.compiler.reset()
    compiled = torch.compile(model.token_losses, fullgraph=True, backend="eager")
    assert_close(gradients(model, squared(compiled(inputs, labels))), expected)


def test_bf16_autocast_stays_close_to_fp32(model):
    inputs, labels = batch()
    expected = model(inputs, labels).total
    with torch.autocast("cpu", torch.bfloat16):
        total = model(inputs, labels).total
    assert total.dtype == torch.float32
    assert total.item() == pytest.approx(expected.item(), rel=0.01)
    assert all(grad.dtype == torch.float32 for grad in gradients(model, total).values())


def test_rotary_tables_stay_exact_in_bf16():
    model = build_model(CONFIGS[1], VOCAB)
    before = model.model.rotary.cos.clone()
    model.to(torch.bfloat16)
    assert torch.equal(model.model.rotary.cos, before)
    assert model(batch()[0]).dtype == torch.bfloat16


def test_initial_loss_is_that_of_a_uniform_guess():
    for config in CONFIGS:
        total, tokens, *_ = build_model(config.model_copy(update={"hidden": 64, "layers": 6}), VOCAB)(
            *batch()
        )
        assert (total / tokens).item() == pytest.approx(math.log(VOCAB), abs=0.1)


def test_residual_projections_start_smaller():
    model = build_model(DecoderConfig(layers=8, hidden=128), VOCAB)
    block = model.blocks[0]
    assert block.mlp.up_proj.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for projection in (block.mlp.down_proj, block.self_attn.o_proj):
        assert projection.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


def test_too_long_a_sequence_is_refused(model):
    with pytest.raises(UserError, match="25 tokens is longer than the 24"):
        model(torch.zeros(1, 25, dtype=torch.long))
    with pytest.raises(UserError, match="context of 24"):
        model.new_state(1, 25)


def test_shared_weights_count_once(model):
    assert isinstance(model, LanguageModel)
    names = {name for name, _ in model.named_parameters()}
    expected = sum(tensor.numel() for name, tensor in model.state_dict().items() if name in names)
    assert count_parameters(model) == expected
    assert ("lm_head.weight" in names) is not model.config.tie_embeddings


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"heads": 4, "kv_heads": 3, "hidden": 64}, "kv_heads=3"),
        ({"heads": 4, "hidden": 66}, "heads=4"),
        ({"layout": "gpt2", "kv_heads": 1}, "gpt2"),
        ({"layout": "qwen3", "head_size": 15}, "even"),
        ({"layout": "llama", "sliding_window": 8}, "layout=qwen3"),
        ({"layout": "llama", "experts": 4}, "layout=qwen3"),
        ({"layout": "qwen3", "experts": 2, "experts_per_token": 3}, "experts_per_token=3"),
        ({"layout": "qwen3", "experts": 4, "sliding_window": 8}, "local layers"),
        ({"layout": "qwen3", "sliding_window": 8, "layer_types": []}, "at least one"),
        ({"layout": "gpt2", "rope_scaling": {"rope_type": "linear", "factor": 2}}, "rotary"),
    ],
)
def test_contradictory_sizes_are_named(fields, said):
    (problem,) = DecoderConfig(**fields).problems()
    assert said in problem
