"""How a model reads a text: attention, attributions, and tokens that people can read."""

import asyncio
import base64
import logging
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

from eval.report import REPORT_FILE, run
from eval.views.attention import RecordedAttention, attention_of
from eval.views.attribution import MOST_STEPS, TOLERANCE, attribute
from eval.views.records import read_views, write_views
from eval.views.tokens import readable_tokens, token_name
from eval.views.view import MOST_TOKENS, make_views
from pipeline.config.evaluation import EvaluateConfig, ReportConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.stages import ReportStage
from tests.inference.browser import CHROMIUM, Browser
from train.models import LanguageModel, build_model

TEXT = "a 語\n<b>é</b>"
IDS = [5, 80, 7, 7, 200, 31, 9, 9, 120, 4]
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 261, "hidden_size": 32}


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (GPT2Config(n_layer=2, n_head=4, n_embd=32, n_positions=64, vocab_size=261), AutoModelForCausalLM),
        (LlamaConfig(**SIZES, num_key_value_heads=2, intermediate_size=64), AutoModelForCausalLM),
        (BertConfig(**SIZES, intermediate_size=64, max_position_embeddings=64), AutoModelForMaskedLM),
    ],
    ids=["gpt2", "llama", "bert"],
)
def test_the_weights_are_those_that_transformers_tells(
    config: PretrainedConfig, kind: type[AutoModelForCausalLM]
) -> None:
    torch.manual_seed(0)
    fused = kind.from_config(deepcopy(config), attn_implementation="sdpa").eval()
    told = kind.from_config(deepcopy(config), attn_implementation="eager").eval()
    told.load_state_dict(fused.state_dict())
    with torch.inference_mode(), RecordedAttention() as recorded:
        fused(torch.tensor([IDS]))
    expected = told(torch.tensor([IDS]), output_attentions=True).attentions
    assert len(recorded.weights) == len(expected) == 2
    for ours, theirs in zip(recorded.weights, expected, strict=True):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layout", ["gpt2", "llama", "qwen3"])
def test_our_decoder_looks_at_earlier_tokens_alone(tiny_model: Callable, layout: str) -> None:
    attention = attention_of(tiny_model(layout=layout, kv_heads=None if layout == "gpt2" else 2), IDS)
    assert attention is not None
    assert attention.shape == (2, 4, len(IDS), len(IDS))
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 4, len(IDS)))
    assert attention.triu(1).abs().max() == 0
    assert attention.std(1).max() > 0.05  # heads differ


def test_a_model_without_attention_has_none() -> None:
    assert attention_of(build_model(LSTMConfig(hidden=16, layers=1, context=32), 261), IDS) is None


def test_attributions_add_up_and_are_the_integral_by_hand(tiny_model: Callable) -> None:
    model = tiny_model(init_std=0.15)
    found = attribute(model, IDS, eos_id=0)
    assert found is not None
    with torch.no_grad():
        text, nothing = (model(torch.tensor([ids]))[0, -1].log_softmax(-1) for ids in (IDS, [0] * len(IDS)))
    assert found.target == int(text.argmax())
    assert found.log_probability == pytest.approx(float(text[found.target]), abs=1e-5)
    assert found.probability == pytest.approx(float(text[found.target].exp()), abs=1e-5)
    assert found.baseline == pytest.approx(float(nothing[found.target]), abs=1e-5)
    difference = found.log_probability - found.baseline
    assert sum(found.values) == pytest.approx(difference, abs=TOLERANCE * abs(difference) + 1e-5)
    assert found.error == pytest.approx(abs(sum(found.values) - difference), abs=1e-5)
    assert found.values == pytest.approx(integrated_by_hand(model, found.target), abs=0.02 * abs(difference))
    assert max(map(abs, found.values)) > 0.1


def integrated_by_hand(model: LanguageModel, target: int) -> list[float]:
    """Integrated gradients by the midpoint rule."""
    embedding = next(module for module in model.modules() if isinstance(module, torch.nn.Embedding))
    ids = torch.tensor([IDS])
    ends = embedding(torch.zeros_like(ids)).detach(), embedding(ids).detach()
    total, points = torch.zeros_like(ends[0]), MOST_STEPS
    for point in range(points):
        share = (point + 0.5) / points
        between = (ends[0] + share * (ends[1] - ends[0])).requires_grad_()
        hook = embedding.register_forward_hook(lambda *_, between=between: between)
        model(ids)[0, -1].log_softmax(-1)[target].backward()
        hook.remove()
        total += between.grad / points
    return ((ends[1] - ends[0]) * total).sum(-1)[0].tolist()


def test_recurrent_models_have_attributions() -> None:
    torch.manual_seed(0)
    found = attribute(build_model(LSTMConfig(hidden=16, layers=1, context=32), 261).eval(), IDS, eos_id=0)
    assert found is not None
    assert sum(found.values) == pytest.approx(found.log_probability - found.baseline, abs=1e-3)


def test_parts_of_a_character_are_that_character_with_a_number(tokenizer: PreTrainedTokenizerFast) -> None:
    read = tokenizer(TEXT, return_offsets_mapping=True)
    names = readable_tokens(tokenizer, TEXT, read["input_ids"], read["offset_mapping"])
    assert names == ["a", "␣", "語₁", "語₂", "語₃", "⏎", *"<b>", "é₁", "é₂", *"</b>"]
    assert token_name(tokenizer, tokenizer.eos_token_id) == "<|endoftext|>"
    assert token_name(tokenizer, read["input_ids"][2]) == "byte E8"  # the first of 語


def wordpiece() -> PreTrainedTokenizerFast:
    tokens = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "cafe", "##s", "東", "京"]
    backend = Tokenizer(models.WordPiece({token: id for id, token in enumerate(tokens)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )


def test_an_encoder_is_shown_with_its_frame_and_without_attributions(
    make_context: Callable, tmp_path: Path
) -> None:
    sizes = {"hidden": 16, "layers": 1, "heads": 2, "mlp": 32, "context": 16}
    encoder = build_model(EncoderConfig(**sizes), 9).eval()
    (view,) = make_views(encoder, wordpiece(), ["Cafés 東京 ☃"], make_context(tmp_path))
    assert view.tokens == ["[CLS]", "Café", "s", "東", "京", "☃", "[SEP]"]
    weights = np.frombuffer(base64.b64decode(view.attention), np.uint8).reshape(1, 2, 7, 7)
    assert not view.causal
    assert weights.sum(-1).astype(int) == pytest.approx(255, abs=4)
    assert view.attribution is None


def test_long_texts_are_cut_and_texts_without_tokens_left_out(
    tiny_model: Callable,
    tokenizer: PreTrainedTokenizerFast,
    make_context: Callable,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        (view,) = make_views(tiny_model(context=128), tokenizer, ["x" * 100, ""], make_context(tmp_path))
    assert len(view.tokens) == MOST_TOKENS
    assert view.left_out == 100 - MOST_TOKENS
    assert len(base64.b64decode(view.attention)) == 2 * 4 * MOST_TOKENS * (MOST_TOKENS + 1) // 2
    assert "a text without any token of this tokenizer is left out" in caplog.text


def test_a_model_of_transformers_is_shown(
    tokenizer: PreTrainedTokenizerFast, make_context: Callable, tmp_path: Path
) -> None:
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 16, "n_positions": 64}
    config = HuggingFaceConfig(config={"model_type": "gpt2", **sizes}, context=32)
    (view,) = make_views(build_model(config, 261).eval(), tokenizer, ["ab c"], make_context(tmp_path / "out"))
    assert (view.layers, view.heads, len(view.tokens)) == (1, 2, 4)
    assert view.attribution is not None
    assert view.attribution.error < 0.01


def test_an_empty_text_is_refused() -> None:
    (problem,) = EvaluateConfig(views=["a", " "]).problems()
    assert problem.startswith("views holds an empty text")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)")
def test_a_browser_shows_what_a_head_looks_at(
    tiny_model: Callable, tokenizer: PreTrainedTokenizerFast, make_context: Callable, tmp_path: Path
) -> None:
    model = tiny_model()
    write_views(tmp_path, make_views(model, tokenizer, [TEXT], make_context(tmp_path / "out")))
    (view,) = read_views(tmp_path)
    run(ReportStage(report=ReportConfig()), make_context(tmp_path / "report", evaluate=tmp_path))
    page = tmp_path / "report" / REPORT_FILE

    async def look() -> None:
        async with Browser(page.as_uri()) as browser:
            assert await browser.evaluate('document.querySelectorAll(".heads button").length') == 8
            await browser.evaluate('document.querySelectorAll(".heads button")[1].click()')
            await browser.evaluate('document.querySelectorAll(".reading button")[4].click()')
            said = await browser.evaluate('document.querySelector(".said").textContent')
            row = attention_of(model, tokenizer(TEXT)["input_ids"])[0, 1, 4]
            most = int(row.argmax())
            assert f"Layer 1, head 2: “語₃” looks at “{view['tokens'][most]}” {100 * row[most]:.0f}%" in said
            assert await browser.evaluate('document.querySelectorAll("b").length') == 0  # text stays text
            await browser.picture(Path(os.environ.get("LM_PICTURE", tmp_path / "page.png")))

    asyncio.run(look())
