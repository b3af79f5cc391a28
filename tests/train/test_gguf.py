"""GGUF files: their tensors and tokenizer against the model's, as llama.cpp reads them where it is installed."""

import json
from importlib.util import find_spec
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.config.export_formats.gguf import GGUF
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.rope_scaling import RopeScalingConfig
from pipeline.errors import UserError
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.store.artifacts import write_json
from pipeline.text.text_splitting import LLAMA3_PATTERN, QWEN2_PATTERN, modern_pattern
from tests.train.written_exports import trained_tokenizer, write_export
from train.exporting.formats.gguf import form
from train.exporting.formats.gguf.pre_tokenizer import pre_tokenizer_name
from train.exporting.formats.transformers_form import read_folder, read_gguf
from train.exporting.measure import HARD_TEXTS
from train.models import family

pytest.importorskip("gguf", reason="the gguf package is not installed (extra: gguf)")

SIZES = {"layers": 2, "hidden": 64, "heads": 4, "context": 128}
LAYOUTS = {
    "gpt2": (DecoderConfig(layout="gpt2", **SIZES), None),
    "llama": (DecoderConfig(layout="llama", kv_heads=2, tie_embeddings=False, **SIZES), LLAMA3_PATTERN),
    "qwen3": (DecoderConfig(layout="qwen3", head_size=32, kv_heads=1, **SIZES), QWEN2_PATTERN),
}
SCALED = {
    "llama3": DecoderConfig(
        layout="llama",
        rope_scaling=RopeScalingConfig(rope_type="llama3", original_max_position_embeddings=32),
        **SIZES,
    ),
    "linear": DecoderConfig(layout="qwen3", rope_scaling=RopeScalingConfig(rope_type="linear"), **SIZES),
    "yarn": DecoderConfig(layout="llama", rope_scaling=RopeScalingConfig(rope_type="yarn"), **SIZES),
}


def export(folder: Path, config: DecoderConfig, pattern: str | None) -> Path:
    """An exported folder of a model with random weights and a tokenizer that is trained anew."""
    tokenizer = trained_tokenizer(pattern)
    save_tokenizer(tokenizer, folder)
    write_export(folder, config, len(tokenizer))
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|end|>")]
    write_json(folder / "generation_config.json", {"eos_token_id": ends})
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_files_tensors_are_the_weights(layout: str, tmp_path: Path) -> None:
    import gguf

    folder = export(tmp_path, *LAYOUTS[layout])
    reader = gguf.GGUFReader(form.write(GGUF(type="f32"), folder))
    weights = {name: tensor.numpy() for name, tensor in load_file(folder / "model.safetensors").items()}
    written = {tensor.name: tensor.data for tensor in reader.tensors}
    tied = LAYOUTS[layout][0].tie_embeddings
    assert len(written) == len(weights) - ("lm_head.weight" in weights and tied)
    names = {
        "gpt2": {"h.1.mlp.c_fc.weight": "blk.1.ffn_up.weight", "wpe.weight": "position_embd.weight"},
        "llama": {"layers.1.self_attn.v_proj.weight": "blk.1.attn_v.weight"},
        "qwen3": {"layers.1.self_attn.q_norm.weight": "blk.1.attn_q_norm.weight"},
    }[layout]
    for theirs, ours in names.items():
        weight = next(weights[name] for name in weights if name.endswith(theirs))
        np.testing.assert_array_equal(written[ours], weight.T if "c_fc" in theirs else weight)
    if layout == "llama":  # neighbouring channels turn together there, the halves of a head here
        ours = weights["model.layers.0.self_attn.q_proj.weight"].reshape(4, 2, 8, 64).swapaxes(1, 2)
        np.testing.assert_array_equal(written["blk.0.attn_q.weight"], ours.reshape(64, 64))
    assert (
        reader.fields["tokenizer.ggml.eot_token_id"].contents()
        == len(reader.fields["tokenizer.ggml.tokens"].data) - 1
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("type", "tolerance"), [("f32", 1e-3), ("q8_0", 1.0)])
def test_transformers_reads_the_same_model(layout: str, type: str, tolerance: float, tmp_path: Path) -> None:
    folder = export(tmp_path, *LAYOUTS[layout])
    path = form.write(GGUF(type=type), folder)
    plain = read_folder(folder)
    ids = plain.token_ids(HARD_TEXTS[2] * 2)
    assert ids is not None
    read = read_gguf(path, folder)
    torch.testing.assert_close(read.logits(ids), plain.logits(ids), atol=tolerance, rtol=0)


@pytest.mark.skipif(find_spec("cyllama") is None, reason="cyllama is not installed (extra: llama)")
@pytest.mark.parametrize("name", [*LAYOUTS, *SCALED])
def test_llama_cpp_reads_the_same_model_and_tokenizer(name: str, tmp_path: Path) -> None:
    config, pattern = LAYOUTS[name] if name in LAYOUTS else (SCALED[name], LLAMA3_PATTERN)
    folder = export(tmp_path, config, pattern)
    plain = read_folder(folder)
    path = form.write(GGUF(type="f32"), folder)
    read = form.open_form(GGUF(type="f32"), path, folder)
    assert read.reader.startswith("llama.cpp")
    for text in [*HARD_TEXTS, *list(topics.values())[:8], "a<|end|><|user|> b<|endoftext|>"]:
        assert read.token_ids(text) == plain.token_ids(text), text[:40]
    ids = plain.token_ids(topics["strings"])
    assert ids is not None
    difference = (read.logits(ids[:120]) - plain.logits(ids[:120])).abs().max()
    assert difference < (0.01 if name == "gpt2" else 1e-4)
    assert read.continue_greedily(ids[:20], 20) == plain.continue_greedily(ids[:20], 20)


@pytest.mark.parametrize(
    ("pattern", "name"), [(None, "gpt-2"), (LLAMA3_PATTERN, "smaug-bpe"), (QWEN2_PATTERN, "qwen2")]
)
def test_the_equal_pre_tokenizer_is_named(pattern: str | None, name: str) -> None:
    described = json.loads(trained_tokenizer(pattern).backend_tokenizer.to_str())
    assert pre_tokenizer_name(described) == name
    if pattern == LLAMA3_PATTERN:  # as Meta's own takes a word that is a token
        described["model"]["ignore_merges"] = True
        assert pre_tokenizer_name(described) == "llama-bpe"


def test_where_none_is_equal_it_is_said_which_setting_would_be() -> None:
    described = json.loads(trained_tokenizer(modern_pattern(4)).backend_tokenizer.to_str())
    with pytest.raises(UserError, match=r"tokenizer\.pattern=llama3, qwen2 or gpt2"):
        pre_tokenizer_name(described)


@pytest.mark.parametrize(
    ("config", "type", "says"),
    [
        (DecoderConfig(layout="qwen3", experts=4, **SIZES), "f16", "a mixture of experts"),
        (
            DecoderConfig(layout="qwen3", sliding_window=16, **SIZES),
            "f16",
            r"local layers \(model\.sliding_window\)",
        ),
        (DecoderConfig(hidden=72, heads=4), "q8_0", r"blocks of 32 numbers.*model\.hidden, 72"),
    ],
)
def test_what_the_format_does_not_know_is_refused(config: DecoderConfig, type: str, says: str) -> None:
    fields = family(config).config_fields(config, 100)
    assert fields is not None
    with pytest.raises(UserError, match=says):
        form.check_model(GGUF(type=type), fields)
