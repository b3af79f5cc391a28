"""Weights in 8 and 4 bits: what is restored, and what the layers compute with them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from pipeline.config.export_formats.base import ExportFormat
from pipeline.config.export_formats.int4 import Int4
from pipeline.config.export_formats.int8 import Int8
from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from pipeline.formats.tokenizers import save_tokenizer
from tests.train.written_exports import write_export
from train.exporting.formats.quantized import form
from train.exporting.formats.quantized.layers import DynamicInt8Linear, Int4Linear, Int8Linear
from train.exporting.formats.quantized.reading import load_quantized
from train.exporting.formats.quantized.rounding import (
    restore_rows,
    round_groups,
    round_rows,
    unpack,
)
from train.exporting.formats.transformers_form import read_folder
from train.finetuning.chat import set_chat_template
from train.models import family

LAYOUTS = {
    "gpt2": DecoderConfig(layout="gpt2", layers=2, hidden=64, heads=4, context=64),
    "llama": DecoderConfig(layout="llama", layers=2, hidden=64, heads=4, context=64, tie_embeddings=False),
}


@pytest.fixture
def weight() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(48, 128) * torch.logspace(-2, 1, 48)[:, None]


def test_a_number_is_off_by_half_a_step_at_most(weight: torch.Tensor) -> None:
    stored = round_rows(weight)
    assert (
        (restore_rows(stored["int8"], stored["scale"]) - weight).abs() <= 0.501 * stored["scale"][:, None]
    ).all()
    stored = round_groups(weight, 32)
    assert stored["int4"].shape == (48, 64)
    scale, offset = stored["scale_offset"].float().permute(2, 1, 0).repeat_interleave(32, 2)
    restored = (unpack(stored["int4"]) - 8) * scale + offset
    # The scale is kept in bf16, and so the ends of a group may lie outside by some of it.
    assert ((restored - weight).abs() <= 0.6 * scale).all()


@pytest.mark.parametrize("bias", [False, True])
def test_layers_compute_with_what_was_stored(weight: torch.Tensor, bias: bool) -> None:
    given = torch.randn(2, 3, 128)
    added = torch.randn(48) if bias else None
    rows, groups = round_rows(weight), round_groups(weight, 32)
    exact = nn.functional.linear(given, restore_rows(rows["int8"], rows["scale"]), added)
    size = exact.abs().amax()
    assert (Int8Linear(rows, added)(given) - exact).abs().amax() < 0.01 * size
    assert (DynamicInt8Linear(rows, added)(given) - exact).abs().amax() < 0.03 * size
    scale, offset = groups["scale_offset"].float().permute(2, 1, 0).repeat_interleave(32, 2)
    exact = nn.functional.linear(given, (unpack(groups["int4"]) - 8) * scale + offset, added)
    assert (Int4Linear(groups, added)(given) - exact).abs().amax() < 0.01 * size


def test_weights_may_begin_anywhere_in_memory(weight: torch.Tensor) -> None:
    rows = round_rows(weight)
    moved = torch.empty(weight.numel() + 8, dtype=torch.int8)[8:].view(weight.shape).copy_(rows["int8"])
    given = torch.randn(40, 128)
    torch.testing.assert_close(
        Int8Linear({**rows, "int8": moved}, None)(given), Int8Linear(rows, None)(given), atol=0, rtol=0
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("config", "tolerance", "factor"),
    [(Int8(), 0.2, 3.0), (Int8(activations="bf16"), 0.1, 3.0), (Int4(), 1.0, 3.5)],
    ids=["int8-dynamic", "int8-weights", "int4"],
)
def test_the_folder_holds_the_model_in_fewer_bytes(
    layout: str,
    config: ExportFormat,
    tolerance: float,
    factor: float,
    tmp_path: Path,
    chat_tokenizer: PreTrainedTokenizerFast,
) -> None:
    source = write_export(tmp_path, LAYOUTS[layout])
    set_chat_template(chat_tokenizer)
    save_tokenizer(chat_tokenizer, source)
    path = form.write(config, source)
    assert path.name == config.label
    stored = load_file(path / "model.safetensors")
    kinds = {tensor.dtype for name, tensor in stored.items() if "embed" in name or "wte" in name}
    assert kinds == {torch.int8, torch.float32}
    assert (source / "model.safetensors").stat().st_size > factor * (
        path / "model.safetensors"
    ).stat().st_size
    ids = list(range(40))
    ours, theirs = read_folder(source).logits(ids), form.open_form(config, path, source).logits(ids)
    assert 0 < (theirs - ours).abs().mean() < tolerance * ours.std()
    assert load_quantized(path).generate(
        torch.tensor([ids[:8]]), max_new_tokens=4, do_sample=False
    ).shape == (1, 12)
    alone = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    assert alone("a b c").input_ids == chat_tokenizer("a b c").input_ids
    assert alone.chat_template == chat_tokenizer.chat_template


def test_groups_that_do_not_divide_are_refused() -> None:
    config = DecoderConfig(layers=2, hidden=96, heads=4)
    fields = family(config).config_fields(config, 100)
    assert fields is not None
    form.check_model(Int4(), fields)
    with pytest.raises(
        UserError, match=r"columns in groups of 64, which do not divide the 96 of model\.layers"
    ):
        form.check_model(Int4(group=64), fields)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(UserError, match=r"no quantization\.json"):
        load_quantized(tmp_path)
