"""Our encoder–decoder is T5 of transformers: same logits, same training, same texts, same files."""

from itertools import product

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from pipeline.errors import UserError
from train.compiling import compile_model
from train.models import IGNORE_INDEX, build_model, family
from train.models.encoder_decoder.hf_config import from_hf_config, to_hf_config
from train.models.encoder_decoder.model import EncoderDecoder
from train.models.encoder_decoder.positions import PositionBias, position_buckets
from train.models.numerics import FP32, Numerics
from train.models.sizes import build_on_meta
from train.models.weights import FreshWeights

VOCAB, SOURCE, TARGET = 101, 40, 23
SIZES = {"layers": 2, "hidden": 64, "heads": 4, "context": 48, "position_buckets": 16, "farthest": 20}
LAYOUTS = {
    "t5": EncoderDecoderConfig(layout="t5", **SIZES),
    "t5-uneven": EncoderDecoderConfig(
        layout="t5", decoder_layers=1, head_size=8, mlp=96, start_id=7, **SIZES
    ),
    "t5_v1_1": EncoderDecoderConfig(layout="t5_v1_1", **SIZES),
    "t5_v1_1-tied": EncoderDecoderConfig(layout="t5_v1_1", tie_embeddings=True, norm_eps=1e-5, **SIZES),
    "t5-untied": EncoderDecoderConfig(layout="t5", tie_embeddings=False, **SIZES),
}


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS.keys())
def config(request) -> EncoderDecoderConfig:
    return request.param


def fields(config: EncoderDecoderConfig) -> dict:
    return to_hf_config(config, VOCAB, bos_token_id=None, eos_token_id=1, pad_token_id=0)


def reference(config: EncoderDecoderConfig) -> nn.Module:
    """The transformers model of our config, with weights far enough from their start to matter."""
    torch.manual_seed(1)
    model = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(**fields(config)))
    if not config.tied:  # a new model of transformers 5 is tied always; a folder's need not be
        model.lm_head.weight = nn.Parameter(torch.randn(VOCAB, config.hidden) * config.hidden**-0.5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model


def pair(config: EncoderDecoderConfig) -> tuple[EncoderDecoder, nn.Module]:
    theirs = reference(config).eval()
    ours = EncoderDecoder(config, VOCAB).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def test_hidden_states_are_those_of_the_encoder_and_know_no_padding(config):
    ours, theirs = pair(config)
    ids, mask = torch.randint(2, VOCAB, (2, SOURCE)), torch.ones(2, SOURCE, dtype=torch.int64)
    mask[1, 9:] = 0
    with torch.inference_mode():
        hidden = ours.hidden(ids, lengths=torch.tensor([SOURCE, 9]))
        expected = theirs.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        ours.drop_output()
        torch.testing.assert_close(hidden[0], expected[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(hidden[1, :9], expected[1, :9], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours.hidden(ids[1:, :9])[0], hidden[1, :9], atol=1e-4, rtol=1e-4)
    assert len(ours.blocks) == config.layers


def rows() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sources with their lengths, and targets with some ignored labels at the end."""
    ids, labels = torch.randint(2, VOCAB, (3, SOURCE)), torch.randint(2, VOCAB, (3, TARGET))
    labels[1, 9:] = IGNORE_INDEX
    return ids, torch.tensor([SOURCE, 17, 3]), labels


def test_logits_equal_with_padded_sources(config):
    ours, theirs = pair(config)
    ids, lengths, labels = rows()
    mask = (torch.arange(SOURCE) < lengths[:, None]).long()
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=mask, labels=labels)
        found = ours(ids, lengths=lengths, decoder_input_ids=ours.started(labels))
        assert expected.logits.std() > 0.1
        assert (found - expected.logits)[labels != IGNORE_INDEX].abs().max() <= 2e-5
        total, tokens, *_ = ours(ids, labels, lengths)
        assert (total / tokens).item() == pytest.approx(expected.loss.item(), abs=1e-5)
        unpadded = ours(ids[2:, :3], labels[2:])
        assert unpadded.total.item() == pytest.approx(
            ours(ids, labels, lengths)[0].item() - ours(ids[:2], labels[:2], lengths[:2]).total.item(),
            rel=1e-4,
        )


def test_trains_to_the_same_loss(config):
    ours, theirs = (model.double() for model in pair(config))  # in fp32 it depends on the CPU when they part
    # With Adam's own epsilon, the last bits of gradients near 0 would decide on whole steps.
    adams = [torch.optim.AdamW(model.parameters(), lr=3e-3, eps=1e-4) for model in (ours, theirs)]
    ids, lengths, labels = rows()
    mask = (torch.arange(SOURCE) < lengths[:, None]).long()
    losses = []
    for _ in range(8):
        total, tokens, *_ = ours(ids, labels, lengths)
        expected = theirs(input_ids=ids, attention_mask=mask, labels=labels).loss
        assert (total / tokens).item() == pytest.approx(expected.item(), rel=1e-3)
        for loss, adam in zip((total / tokens, expected), adams, strict=True):
            loss.backward()
            adam.step()
            adam.zero_grad()
        losses.append(expected.item())
    assert losses[-1] < losses[0] - 0.5


def test_compiled_blocks_train_alike():
    """Each block in one graph, which is shared by those of its kind."""
    ours, _ = pair(LAYOUTS["t5_v1_1"])
    ids, lengths, labels = rows()
    total, *_ = ours(ids, labels, lengths)
    expected = torch.autograd.grad(total, list(ours.parameters()))
    torch.compiler.reset()
    compile_model(
        ours, backend="eager"
    )  # the tracing is what is asked for here; generating code would take minutes
    compiled, *_ = ours(ids, labels, lengths)
    for found, gradient in zip(torch.autograd.grad(compiled, list(ours.parameters())), expected, strict=True):
        torch.testing.assert_close(found, gradient, atol=1e-4, rtol=1e-4)


def test_fresh_weights_load_into_transformers_and_back(config, tmp_path):
    ours = EncoderDecoder(config, VOCAB).eval()
    theirs = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(**fields(config))).eval()
    if not config.tied:
        theirs.lm_head.weight = nn.Parameter(torch.empty_like(theirs.lm_head.weight))
    theirs.load_state_dict(ours.state_dict(), strict=True)
    theirs.save_pretrained(tmp_path)
    loaded, report = AutoModelForSeq2SeqLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    again = EncoderDecoder(from_hf_config(loaded.config.to_dict()), VOCAB).eval()
    again.load_state_dict(loaded.state_dict(), strict=True)
    ids, _, labels = rows()
    read = ours.started(labels)
    with torch.no_grad():
        assert torch.equal(again(ids, decoder_input_ids=read), ours(ids, decoder_input_ids=read))
        assert (
            loaded(input_ids=ids, decoder_input_ids=read).logits - ours(ids, decoder_input_ids=read)
        ).abs().max() <= 2e-5


def test_config_survives_the_way_to_transformers_and_back(config):
    back = from_hf_config(AutoConfig.for_model(**fields(config)).to_dict())
    for name in (
        "layout",
        "layers",
        "decoder_depth",
        "hidden",
        "heads",
        "head_width",
        "mlp_width",
        "tied",
        "start_id",
        "norm_eps",
        "context",
    ):
        assert getattr(back, name) == getattr(config, name), name


def test_writes_what_transformers_writes(config):
    """Greedily, with the caches of both, and padded sources side by side."""
    ours, theirs = pair(config)
    prompts = [torch.randint(2, VOCAB, (size,)).tolist() for size in (SOURCE, 5, 19)]
    with torch.no_grad():
        begun = ours.begin(prompts, [[], [], []], 12)
        logits, written = begun.logits, []
        for _ in range(12):
            written.append(logits.argmax(-1))
            logits = ours.next_logits(written[-1][:, None], begun.state)
    for row, prompt in enumerate(prompts):
        ids = torch.tensor([prompt])
        options = {"do_sample": False, "max_new_tokens": 12, "eos_token_id": None}
        expected = theirs.generate(ids, attention_mask=torch.ones_like(ids), **options)[0, 1:]
        assert torch.stack(written)[:, row].tolist() == expected.tolist()


def test_what_was_written_can_be_gone_on_with_and_reordered():
    """A batch that is begun again, with texts of other lengths, gives the logits that each text gives alone."""
    config = LAYOUTS["t5_v1_1"]
    ours, _ = pair(config)
    prompts = [torch.randint(2, VOCAB, (size,)).tolist() for size in (9, 30)]
    written = [torch.randint(2, VOCAB, (size,)).tolist() for size in (7, 2)]
    with torch.no_grad():
        together = ours.begin(prompts, written, 5)
        token = torch.tensor([[3], [4]])
        together.state.reorder(torch.tensor([1, 0, 1]))
        next_together = ours.next_logits(token[[1, 0, 1]], together.state)
        for row in range(2):
            read = torch.tensor([[config.start_id, *written[row], int(token[row])]])
            alone = ours(torch.tensor([prompts[row]]), decoder_input_ids=read)[0]
            torch.testing.assert_close(together.logits[row], alone[-2], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(next_together[1 - row], alone[-1], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(next_together[0], next_together[2])


def test_weights_that_are_drawn_layer_by_layer_are_those_of_a_model_built_at_once(config):
    torch.manual_seed(3)
    expected = build_model(config, VOCAB)
    torch.manual_seed(3)
    drawn = dict(FreshWeights(build_on_meta(config, VOCAB)))
    assert list(drawn) == [name for name, _ in expected.named_parameters()]
    assert all(torch.equal(drawn[name], values) for name, values in expected.named_parameters())


@pytest.mark.parametrize("layout", ["t5", "t5_v1_1"])
@pytest.mark.parametrize("targets", [32, 128])
@pytest.mark.parametrize("deeper", ["layers", "decoder_layers"])
def test_activations_of_a_block_are_what_autograd_keeps(layout, targets, deeper):
    numerics, measured, predicted = Numerics(FP32, FP32, autocast=False, on_gpu=False), [], []
    for depth in (1, 2):
        depths = {"layers": 2, "decoder_layers": 1} | {deeper: depth}
        config = EncoderDecoderConfig(layout=layout, hidden=256, heads=4, mlp=768, context=128, **depths)
        model = EncoderDecoder(config, VOCAB)
        measured.append(kept_by_autograd(model, 2, 128, targets))
        per_token = family(config).with_targets(targets).activation_bytes(config, 128, numerics, False, False)
        predicted.append(2 * 128 * per_token)
    assert measured[1] - measured[0] == pytest.approx(predicted[1] - predicted[0], rel=0.03)


def kept_by_autograd(model: EncoderDecoder, rows: int, source: int, target: int) -> int:
    """Bytes that a forward pass saves for the backward pass, weights left out."""
    own = {t.untyped_storage().data_ptr() for t in model.parameters()}
    sizes: dict[int, int] = {}
    kept = []  # or storages would be used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
            kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(torch.randint(VOCAB, (rows, source)), torch.randint(VOCAB, (rows, target)))
    return sum(sizes.values())


def test_compiled_positions_have_the_same_gradients_on_several_threads():
    """Torch's compiler has made code of them that wrote beyond its memory, where several threads add to one place."""
    bias, gradient, found = PositionBias(32, 6, 128, True, 1.0), torch.randn(1, 6, 256, 256), []
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for module in (bias, torch.compile(bias, fullgraph=True, dynamic=False)):
            bias.zero_grad()
            (module(256, 256) * gradient).sum().backward()
            found.append(bias.weight.grad.clone())
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 5), (4, 4), (3, 9), (9, 3)])
def test_a_bias_stands_where_its_distance_is(queries: int, keys: int) -> None:
    bias = PositionBias(32, 2, 128, True, 1.0)
    for query, key in product(range(queries), range(keys)):
        distance = torch.tensor(key - (query + keys - queries))
        group = position_buckets(distance, 32, 128, True)
        assert torch.equal(bias(queries, keys)[0, :, query, key], bias.weight[group])


def test_recomputes_blocks_with_the_same_gradients():
    model = build_model(LAYOUTS["t5"], VOCAB)
    ids, lengths, labels = rows()
    runs: list[int] = []
    model.decoder.block[1].layer[2].DenseReluDense.register_forward_pre_hook(lambda *_: runs.append(1))
    found = []
    for model.gradient_checkpointing in (0, 1, 2):
        model.zero_grad()
        model(ids, labels, lengths).total.backward()
        found.append([p.grad.clone() for p in model.parameters()])
    assert len(runs) == 4, "once without, twice with recomputation, and once where every other block has it"
    for plain, *again in zip(*found, strict=True):
        for other in again:
            torch.testing.assert_close(plain, other)


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"model_type": "bart"}, "bart"), ({"feed_forward_proj": "gated-silu"}, "gated-silu")],
)
def test_another_architecture_is_refused_by_name(changed, named):
    with pytest.raises(UserError, match=named):
        from_hf_config(fields(LAYOUTS["t5"]) | changed)


def test_longer_texts_than_the_context_are_refused():
    model = build_model(LAYOUTS["t5"], VOCAB)
    with pytest.raises(UserError, match="longer than the 48"):
        model(torch.zeros(1, 49, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long))
    with pytest.raises(UserError, match=r"model\.start_id=101 is no token"):
        EncoderDecoder(EncoderDecoderConfig(start_id=101), VOCAB)
