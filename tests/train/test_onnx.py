"""ONNX graphs against the models that they were made of, with and without a cache."""

from pathlib import Path

import pytest
import torch

from pipeline.config.export_formats.onnx import ONNX
from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from tests.train.written_exports import write_export
from train.exporting.formats.transformers_form import read_folder
from train.models import family

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason=f"{package} is not installed (extra: onnx)")

from train.exporting.formats.onnx import form  # noqa: E402

SIZES = {"layers": 2, "hidden": 32, "heads": 4, "context": 64}
LAYOUTS = {
    "gpt2": DecoderConfig(layout="gpt2", **SIZES),
    "llama": DecoderConfig(layout="llama", kv_heads=2, **SIZES),
    "qwen3": DecoderConfig(layout="qwen3", head_size=16, kv_heads=1, tie_embeddings=False, **SIZES),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_graph_computes_the_model_and_writes_the_same_text(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Llama's with its weights in a file beside it, as a large model has them."""
    beside = layout == "llama"
    if beside:
        monkeypatch.setattr(form, "INLINE_BYTES", 0)
    source = write_export(tmp_path, LAYOUTS[layout])
    path = form.write(ONNX(), source)
    assert path.with_name("model.onnx_data").is_file() == beside
    plain, graph = read_folder(source), form.open_form(ONNX(), path, source)
    ids = list(range(1, 41))
    for given in (ids, ids[:1]):
        torch.testing.assert_close(graph.logits(given), plain.logits(given), atol=1e-3, rtol=0)
    # The prompt at once, then token by token behind the cache.
    assert graph.continue_greedily(ids[:9], 16) == plain.continue_greedily(ids[:9], 16)


def test_a_layout_without_a_graph_is_refused() -> None:
    config = DecoderConfig(layout="qwen3", experts=4, **SIZES)
    fields = family(config).config_fields(config, 100)
    assert fields is not None
    with pytest.raises(UserError, match="format=onnx is not written of a mixture of experts"):
        form.check_model(ONNX(), fields)
