"""Models of transformers make their loss in chunks where their logits are plain products, and else as they do."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from pipeline.config.models.huggingface import HuggingFaceConfig
from train.models import IGNORE_INDEX, LanguageModel, build_model, lm_head
from train.models.hf.plain_head import found_head

VOCAB, LENGTH = 53, 10
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
GROUPED = {"num_key_value_heads": 2, **SIZES}
GPT2 = {"model_type": "gpt2", "n_embd": 16, "n_layer": 2, "n_head": 2}


def model(fields: dict) -> LanguageModel:
    torch.manual_seed(4)
    made = build_model(HuggingFaceConfig(config=fields, context=LENGTH), VOCAB)
    for parameter in made.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    return made.eval()


@pytest.mark.parametrize(
    ("fields", "chunks"),
    [
        ({"model_type": "llama", **SIZES}, True),
        ({"model_type": "llama", "tie_word_embeddings": True, **SIZES}, True),
        (GPT2, True),
        ({"model_type": "gpt_neox", **SIZES}, True),
        ({"model_type": "qwen3_moe", "num_experts": 4, "num_experts_per_tok": 2, **GROUPED}, True),
        ({"model_type": "gemma2", "head_dim": 8, **GROUPED}, False),
        ({"model_type": "cohere", "logit_scale": 0.5, **SIZES}, False),
        ({"model_type": "granite", "logits_scaling": 4.0, **SIZES}, False),
    ],
    ids=lambda value: value["model_type"] if isinstance(value, dict) else "",
)
def test_loss_and_gradients_are_those_of_the_logits(
    fields: dict, chunks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lm_head, "CPU_CHUNK", 7 * VOCAB)
    ours = model(fields)
    assert (found_head(ours.model) is not None) is chunks
    ids, labels = torch.randint(VOCAB, (2, 2, LENGTH))
    labels[1, :4] = IGNORE_INDEX
    expected = F.cross_entropy(ours(ids).flatten(0, 1), labels.flatten(), reduction="sum")
    loss = ours(ids, labels)
    torch.testing.assert_close(loss.total, expected)
    torch.testing.assert_close(ours.token_losses(ids, labels).sum(), expected)
    weights = [p for p in ours.parameters() if p.requires_grad]
    wanted = torch.autograd.grad(expected, weights, allow_unused=True)
    for grad, want in zip(torch.autograd.grad(loss.total, weights, allow_unused=True), wanted, strict=True):
        if want is not None:
            torch.testing.assert_close(grad, want, rtol=1e-4, atol=1e-5)


def test_it_is_saved_as_ever(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    ours = model(GPT2)
    ours.model.save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(theirs.lm_head) is torch.nn.Linear
    assert theirs.lm_head.weight is theirs.transformer.wte.weight
    ids = torch.randint(VOCAB, (2, LENGTH))
    assert torch.equal(theirs(ids).logits, ours(ids))
