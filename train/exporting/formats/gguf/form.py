"""The format `gguf`: what is asked of it before, the file itself, and how it is read."""

import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.export_formats.gguf import GGUF
from pipeline.packages import check_packages
from train.exporting.formats import Form
from train.exporting.formats.gguf.layout import (
    add_architecture,
    check_blocks,
    gguf_layout,
    stored_tensors,
)
from train.exporting.formats.gguf.pre_tokenizer import pre_tokenizer_name
from train.exporting.formats.gguf.reading import open_gguf
from train.exporting.formats.gguf.vocabulary import add_vocabulary
from train.models.family import ConfigFields

WHOLE = ("f32", "f16", "bf16")


def check_installed(config: GGUF) -> None:
    check_packages("format=gguf", ["gguf"], "gguf")


def check_model(config: GGUF, fields: ConfigFields) -> None:
    layout = gguf_layout(fields)
    if config.type not in WHOLE:
        check_blocks(layout, config.type)


def check_tokenizer(config: GGUF, tokenizer: Mapping[str, Any]) -> None:
    pre_tokenizer_name(tokenizer)


def write(config: GGUF, source: Path) -> Path:
    """One tensor is in memory at a time."""
    import gguf

    fields = json.loads((source / "config.json").read_text(encoding="utf-8"))
    layout, rows = gguf_layout(fields), fields["vocab_size"]
    path = source / "gguf" / f"model-{config.type}.gguf"
    path.parent.mkdir(exist_ok=True)
    type = gguf.GGMLQuantizationType[config.type.upper()]
    writer = gguf.GGUFWriter(path, layout.layout)
    writer.add_type(gguf.GGUFType.MODEL)
    ending = "ALL_F32" if config.type == "f32" else f"MOSTLY_{type.name}"
    writer.add_file_type(gguf.LlamaFileType[ending])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_architecture(writer, layout, rows)
    add_vocabulary(writer, source, rows)
    with ExitStack() as stack:
        tensors = list(stored_tensors(layout, source, stack))
        types = [gguf.GGMLQuantizationType.F32 if tensor.whole else type for tensor in tensors]
        for tensor, stored in zip(tensors, types, strict=True):
            block, size = gguf.GGML_QUANT_SIZES[stored]
            count = math.prod(tensor.shape) // block * size
            writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), count, stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor, stored in zip(tensors, types, strict=True):
            writer.write_tensor_data(gguf.quants.quantize(tensor.read(), stored))
    writer.close()
    return path


def open_form(config: GGUF, path: Path, source: Path) -> Form:
    return open_gguf(path, source)
