"""The format `onnx`: what is asked of it before, the file itself, and how it is read."""

import io
import json
import logging
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import torch

from pipeline.config.export_formats.onnx import ONNX
from pipeline.packages import check_packages
from train.exporting.formats import Form
from train.exporting.formats.decoder_layout import read_layout
from train.exporting.formats.onnx.graph import (
    GIVEN,
    CachedStep,
    dynamic_sizes,
    example,
    past_names,
    present_names,
)
from train.models.family import ConfigFields

OPSET = 18
INLINE_BYTES = 2**28
"""Weights of more go into a file beside the graph, one tensor after the other. Within the graph they stand in memory
almost four times while it is written, and protobuf ends at 2 GB."""


def check_installed(config: ONNX) -> None:
    check_packages("format=onnx", ["onnx", "onnxscript", "onnxruntime"], "onnx")


def check_model(config: ONNX, fields: ConfigFields) -> None:
    read_layout(fields, config.choice)


def check_tokenizer(config: ONNX, tokenizer: Mapping[str, Any]) -> None:
    """It is the folder's own."""


def write(config: ONNX, source: Path) -> Path:
    import onnx_ir
    from transformers import AutoModelForCausalLM

    layout = read_layout(json.loads((source / "config.json").read_text(encoding="utf-8")), config.choice)
    # Attention as plain products: of the fused one the graph would hold a function that few runtimes know.
    model: Any = AutoModelForCausalLM.from_pretrained(
        source, attn_implementation="eager", trust_remote_code=False
    )
    path = source / "onnx" / "model.onnx"
    path.parent.mkdir()
    with torch.inference_mode(), _quiet_exporter():
        program = torch.onnx.export(
            CachedStep(model, layout.layers).eval(),
            example(layout),
            dynamo=True,
            dynamic_shapes=dynamic_sizes(layout.layers),
            input_names=[*GIVEN, *past_names(layout.layers)],
            output_names=["logits", *present_names(layout.layers)],
            opset_version=OPSET,
        )
    assert program is not None  # as it is where it is written at once
    weights = sum(value.const_value.nbytes for value in program.model.graph.initializers.values())
    beside = f"{path.name}_data" if weights > INLINE_BYTES else None  # the name that transformers.js asks for
    onnx_ir.save(program.model, path, external_data=beside)
    return path


@contextmanager
def _quiet_exporter() -> Generator[None]:
    """Leaves out what torch's exporter tells of every step, of packages that it does without and of its own
    deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def open_form(config: ONNX, path: Path, source: Path) -> Form:
    from train.exporting.formats.onnx.reading import OnnxForm

    return OnnxForm(path)
