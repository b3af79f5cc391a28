"""The LSTM baseline and the transformers adapter, through the interface they share with the decoder."""

import json

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.errors import UserError
from train.models import IGNORE_INDEX, LanguageModel, build_model

VOCAB, CONTEXT = 61, 20
NEOX = {
    "model_type": "gpt_neox",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
SMALL = {"hidden_size": 32, "num_hidden_layers": 2}
CONFIGS = {
    "lstm": LSTMConfig(layers=2, hidden=24, embedding=16, context=CONTEXT, dropout=0.0),
    "lstm-untied": LSTMConfig(layers=1, hidden=24, embedding=16, context=CONTEXT, tie_embeddings=False),
    "gru": LSTMConfig(cell="gru", layers=2, hidden=24, embedding=16, context=CONTEXT, dropout=0.0),
    "lstm-attention": LSTMConfig(
        attention=12, layers=2, hidden=24, embedding=16, context=CONTEXT, dropout=0.0
    ),
    "gru-attention": LSTMConfig(
        cell="gru", attention=12, layers=1, hidden=24, embedding=16, context=CONTEXT, dropout=0.0
    ),
    "gpt_neox": HuggingFaceConfig(config=NEOX, context=CONTEXT),
    "bloom": HuggingFaceConfig(
        config={"model_type": "bloom", "hidden_size": 32, "n_layer": 2, "n_head": 4}, context=CONTEXT
    ),
    # These keep other states than a key-value cache, or others besides.
    "mamba": HuggingFaceConfig(config={"model_type": "mamba", "state_size": 4, **SMALL}, context=CONTEXT),
    "mamba2": HuggingFaceConfig(
        config={
            "model_type": "mamba2",
            "num_heads": 8,
            "head_dim": 8,
            "state_size": 4,
            "n_groups": 1,
            **SMALL,
        },
        context=CONTEXT,
    ),
    "rwkv": HuggingFaceConfig(
        config={"model_type": "rwkv", "attention_hidden_size": 32, **SMALL}, context=CONTEXT
    ),
    "jamba": HuggingFaceConfig(
        config={
            "model_type": "jamba",
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 48,
            "num_experts": 4,
            "mamba_d_state": 4,
            **SMALL,
        },
        context=CONTEXT,
    ),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def model(request):
    torch.manual_seed(5)
    model = build_model(request.param, VOCAB)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return model.eval()


def test_loss_is_the_cross_entropy_of_the_logits(model):
    assert isinstance(model, LanguageModel)
    ids = torch.randint(VOCAB, (3, CONTEXT))
    labels = torch.randint(VOCAB, (3, CONTEXT))
    labels[1, :4] = IGNORE_INDEX
    logits = model(ids)
    assert logits.shape == (3, CONTEXT, VOCAB)
    expected = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    total, tokens, *_ = model(ids, labels)
    assert tokens == 3 * CONTEXT - 4
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert model.token_losses(ids, labels).sum().item() == pytest.approx(expected.item(), rel=1e-5)


def test_stepwise_decoding_equals_the_full_pass_with_left_padding(model):
    padding = torch.tensor([0, 3, 6])
    ids = torch.randint(VOCAB, (3, CONTEXT))
    with torch.no_grad():
        state = model.new_state(3, CONTEXT, padding=padding)
        found = [model.next_logits(ids[:, :8], state)]
        found += [model.next_logits(ids[:, t : t + 1], state) for t in range(8, CONTEXT)]
        for row, p in enumerate(padding):
            alone = model(ids[row : row + 1, p:])[0, 7 - p :]
            torch.testing.assert_close(torch.stack(found)[:, row], alone, rtol=1e-4, atol=1e-5)


def test_states_can_be_reordered(model):
    rows = torch.tensor([1, 1, 0])
    ids = torch.randint(VOCAB, (3, 9))
    with torch.no_grad():
        state = model.new_state(3, CONTEXT)
        model.next_logits(ids[:, :8], state)
        state.reorder(rows)
        found = model.next_logits(ids[rows, 8:], state)
        straight = model.new_state(3, CONTEXT)
        model.next_logits(ids[rows, :8], straight)
        torch.testing.assert_close(found, model.next_logits(ids[rows, 8:], straight), rtol=1e-4, atol=1e-5)


def test_learns(model):
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = (torch.arange(CONTEXT + 1) + torch.arange(4)[:, None]) * 5 % 7
    losses = []
    for _ in range(30):
        total, tokens, *_ = model(ids[:, :-1], ids[:, 1:])
        (total / tokens).backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append((total / tokens).item())
    assert losses[-1] < 0.5 * losses[0]


def test_lstm_cannot_recompute_blocks():
    model = build_model(CONFIGS["lstm"], VOCAB)
    with pytest.raises(UserError, match="activation_checkpointing"):
        model.gradient_checkpointing = True


def test_adapter_recomputes_blocks_with_the_same_gradients():
    model = build_model(CONFIGS["gpt_neox"], VOCAB)
    ids = torch.randint(VOCAB, (2, CONTEXT))
    runs = []
    assert len(model.blocks) == 2
    model.blocks[0].mlp.register_forward_pre_hook(lambda *_: runs.append(1))
    found = []
    for model.gradient_checkpointing in (False, True):
        model.zero_grad()
        model(ids, ids).total.backward()
        found.append([p.grad.clone() for p in model.parameters()])
    assert len(runs) == 3, "once without, and twice with recomputation"
    for plain, again in zip(*found, strict=True):
        torch.testing.assert_close(plain, again)


def test_adapter_reads_a_checkpoint_folder(tmp_path):
    source = build_model(CONFIGS["gpt_neox"], VOCAB).eval()
    source.model.save_pretrained(tmp_path)
    loaded = build_model(HuggingFaceConfig(path=str(tmp_path), context=CONTEXT), VOCAB).eval()
    ids = torch.randint(VOCAB, (2, CONTEXT))
    with torch.no_grad():
        assert torch.equal(loaded(ids), source(ids))
        assert torch.equal(AutoModelForCausalLM.from_pretrained(tmp_path)(ids).logits, source(ids))
    with pytest.raises(UserError, match="tokenizer"):
        build_model(HuggingFaceConfig(path=str(tmp_path), context=CONTEXT), VOCAB + 1)
    with pytest.raises(UserError, match=f"context={CONTEXT + 1}"):
        build_model(HuggingFaceConfig(path=str(tmp_path), context=CONTEXT + 1), VOCAB)


def test_weights_that_are_not_the_models_are_refused(tmp_path):
    """transformers would draw what is missing at random."""
    build_model(CONFIGS["gpt_neox"], VOCAB).model.save_pretrained(tmp_path)

    def refuse(message: str) -> None:
        with pytest.raises(UserError, match=message):
            build_model(HuggingFaceConfig(path=str(tmp_path), context=CONTEXT), VOCAB)

    weights, described = tmp_path / "model.safetensors", tmp_path / "config.json"
    fields = json.loads(described.read_text())
    described.write_text(json.dumps({**fields, "num_hidden_layers": 3}))
    refuse(r"not those of the GPTNeoXForCausalLM .*: 12 are missing \(gpt_neox.layers.2.")
    described.write_text(json.dumps({**fields, "hidden_size": 64}))
    refuse("cannot be loaded")
    described.write_text(json.dumps(fields))
    weights.write_bytes(weights.read_bytes()[:500])
    refuse("cannot be loaded")
    weights.unlink()
    refuse("cannot be loaded .*no file named model.safetensors")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    source = build_model(CONFIGS["gpt_neox"], VOCAB)
    with torch.no_grad():
        source.model.get_output_embeddings().weight[3, 5] = torch.nan
    source.model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="not finite"):
        build_model(HuggingFaceConfig(path=str(tmp_path), context=CONTEXT), VOCAB)


def test_a_model_that_sees_what_it_should_predict_is_refused():
    fields = {key: NEOX[key] for key in NEOX if key != "model_type"} | {"model_type": "bert"}
    with pytest.raises(UserError, match=r"BertLMHeadModel .* model\.config.is_decoder=true"):
        build_model(HuggingFaceConfig(config=fields, reads="left_to_right", context=CONTEXT), VOCAB)
    build_model(HuggingFaceConfig(config={**fields, "is_decoder": True}, context=CONTEXT), VOCAB)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"path": "no/such/folder"}, "no/such/folder"),
        ({"config": {"model_type": "gpt5000"}}, "gpt5000"),
        ({"config": {**NEOX, "hidden_size": "wide"}}, "hidden_size"),
    ],
)
def test_wrong_transformers_settings_are_explained(fields, said):
    with pytest.raises(UserError, match=said):
        build_model(HuggingFaceConfig(context=CONTEXT, **fields), VOCAB)
