"""Low-rank adapters."""

import sys

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config.lora import LoRAConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from train.adapters.lora import (
    add_adapters,
    add_adapters_to_merge,
    add_trainable_adapters,
    merge_adapters,
    save_adapters,
)
from train.adapters.quantization import check_quantization
from train.finetuning.classifier import Classifier
from train.models import as_body, build_model

VOCABULARY = 50
LORA = LoRAConfig(rank=4, alpha=8, dropout=0.0)
VARIANTS = ["lora", "rslora", "dora"]


def small_model(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    if kind == "hf":
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        fields = {"model_type": "mistral", "num_key_value_heads": 2, **sizes}
        return build_model(HuggingFaceConfig(config=fields, context=32), VOCABULARY)
    layout, _, use = kind.partition("-")
    if layout in ("bert", "modernbert"):
        encoder = EncoderConfig(layout=layout, layers=2, hidden=32, heads=2, context=32)
        return Classifier(as_body(build_model(encoder, VOCABULARY)), ["a", "b", "c"], "first")
    model = build_model(DecoderConfig(layout=layout, layers=2, hidden=32, heads=2, context=32), VOCABULARY)
    return Classifier(model, ["a", "b", "c"]) if use else model


def arguments(kind: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    batch = {"input_ids": torch.randint(VOCABULARY, (3, 9))}
    if kind.endswith("classifier"):
        return {**batch, "lengths": torch.tensor([9, 4, 7]), "labels": torch.tensor([0, 2, 1])}
    return {**batch, "labels": torch.randint(VOCABULARY, (3, 9))}


KINDS = ["gpt2", "llama", "llama-classifier", "bert-classifier", "modernbert-classifier", "hf"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_only_adapters_learn_and_merging_keeps_what_they_learnt(kind, variant):
    model = small_model(kind)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    plain_loss = model(**arguments(kind)).total.item()
    adapted = add_adapters(model, LORA.model_copy(update={"variant": variant}))
    assert model(**arguments(kind)).total.item() == pytest.approx(
        plain_loss, abs=1e-4
    )  # they start as nothing

    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.02)
    for _ in range(6):
        optimizer.zero_grad()
        model(**arguments(kind)).total.backward()
        optimizer.step()
    frozen = {name.replace("base_layer.", ""): tensor for name, tensor in model.state_dict().items()}
    for name, tensor in before.items():
        if not name.startswith("score."):
            assert torch.equal(frozen[name], tensor), name
    learnt_loss = model(**arguments(kind)).total.item()
    assert learnt_loss < plain_loss - 0.02

    logits = model.eval()(**{name: t for name, t in arguments(kind).items() if name != "labels"})
    merged = merge_adapters(adapted)
    again = merged(**{name: t for name, t in arguments(kind).items() if name != "labels"})
    torch.testing.assert_close(again, logits, atol=1e-5, rtol=1e-4)
    assert type(merged) is type(small_model(kind))
    assert set(merged.state_dict()) == set(before)
    assert merged(**arguments(kind)).total.item() == pytest.approx(learnt_loss, abs=1e-3)


def test_few_parameters_are_trained():
    model = small_model("llama")
    add_adapters(model, LoRAConfig(rank=2, targets=["q_proj", "v_proj"]))
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    assert sum(trained.values()) == 2 * 2 * 2 * (32 + 32)  # layers, targets, rank, in + out
    assert all(".q_proj.lora_" in name or ".v_proj.lora_" in name for name in trained)


def test_a_target_that_does_not_exist():
    with pytest.raises(UserError, match=r"c_attn.*it has down_proj, gate_proj"):
        add_adapters(small_model("llama"), LoRAConfig(targets=["c_attn"]))


@pytest.mark.parametrize(
    ("kind", "variant"),
    [*((kind, "lora") for kind in KINDS if "bert" not in kind), ("llama", "rslora"), ("gpt2", "dora")],
)
def test_peft_reads_the_saved_adapters_on_the_model_of_transformers(kind, variant, tmp_path):
    import transformers
    from peft import PeftModel

    from train.models.decoder.hf_config import to_hf_config

    model = small_model(kind)
    if kind == "hf":
        theirs = transformers.AutoModelForCausalLM.from_config(model.model.config)
        theirs.load_state_dict(model.model.state_dict())
    else:
        decoder = model.backbone.config if isinstance(model, Classifier) else model.config
        fields = to_hf_config(decoder, VOCABULARY, pad_token_id=VOCABULARY - 1)
        task = "SequenceClassification" if isinstance(model, Classifier) else "CausalLM"
        config = transformers.AutoConfig.for_model(**fields, num_labels=3)
        theirs = getattr(transformers, f"AutoModelFor{task}").from_config(config)
        state = {name.removeprefix("backbone."): tensor for name, tensor in model.state_dict().items()}
        theirs.load_state_dict(state)
    adapted = add_adapters(model, LORA.model_copy(update={"variant": variant}))
    for name, parameter in model.named_parameters():
        if "lora_" in name or "score" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    body = model.backbone if isinstance(model, Classifier) else model
    save_adapters(adapted, tmp_path, "base", body.config)
    assert all(
        "lora_" in name or "score" in name for name in load_file(tmp_path / "adapter_model.safetensors")
    )
    theirs = PeftModel.from_pretrained(theirs, tmp_path).eval()
    model.eval()
    ids = torch.randint(VOCABULARY - 1, (2, 9))
    with torch.inference_mode():
        ours = model(ids, torch.tensor([9, 9])) if isinstance(model, Classifier) else model(ids)
        torch.testing.assert_close(theirs(input_ids=ids).logits, ours, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "variant", "quantize"),
    [("llama", "lora", "nf4"), ("gpt2", "dora", "fp4"), ("hf", "rslora", "nf4")],
)
def test_what_was_learnt_on_weights_of_4_bits_is_merged_into_what_those_stand_for(kind, variant, quantize):
    lora = LORA.model_copy(update={"variant": variant, "quantize": quantize})
    model, plain = small_model(kind), small_model(kind)
    ids = arguments(kind)["input_ids"]
    before = plain.eval()(ids)
    add_trainable_adapters(model, lora, bf16=False)
    packed = [p for p in model.parameters() if p.dtype == torch.uint8]
    assert len(packed) == sum(".lora_A." in name for name, _ in model.named_parameters())
    held = [p.data.clone() for p in packed]
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():
        logits = model.eval()(ids)
    assert model.train()(**arguments(kind)).total.requires_grad
    assert all(torch.equal(p.data, was) for p, was in zip(packed, held, strict=True))

    adapted = add_adapters_to_merge(plain, lora)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert not plain.load_state_dict(trained, strict=False).unexpected_keys
    merged = merge_adapters(adapted).eval()
    assert set(merged.state_dict()) == set(small_model(kind).state_dict())
    torch.testing.assert_close(merged(ids), logits, atol=2e-5, rtol=1e-4)
    assert not torch.allclose(before, logits, atol=1e-3)


def test_without_bitsandbytes_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    check_quantization(LORA)
    with pytest.raises(
        UserError, match=r"lora\.quantize=nf4 needs bitsandbytes: pip install 'lm-workflow\[quantize\]'"
    ):
        check_quantization(LoRAConfig(quantize="nf4"))
