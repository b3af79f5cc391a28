"""The formats `int8` and `int4`: what is asked of them before, the files themselves, and how they are read."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.config.export_formats.int4 import Int4
from pipeline.config.export_formats.int8 import Int8
from pipeline.errors import UserError
from pipeline.formats.model_folder import tokenizer_files, weight_files
from pipeline.store.artifacts import write_json
from train.exporting.formats import Form
from train.exporting.formats.quantized.reading import (
    SETTINGS,
    WEIGHTS,
    load_quantized,
    quantizable,
)
from train.exporting.formats.quantized.rounding import round_groups, round_rows
from train.exporting.formats.transformers_form import TransformersForm
from train.models.family import ConfigFields

ROWS = 16
"""Of which torch's kernel for 4 bits takes so many at a time."""


def check_installed(config: Int8 | Int4) -> None:
    """torch is all that they need."""


def check_model(config: Int8 | Int4, fields: ConfigFields) -> None:
    if isinstance(config, Int4):
        with torch.device("meta"):
            model = _empty(fields)
        shapes = dict(model.named_parameters())
        for name, kind in quantizable(model).items():
            if kind in ("linear", "conv1d"):
                rows, columns = shapes[name].shape if kind == "linear" else shapes[name].t().shape
                _check_shape(name, rows, columns, config.group)


def _empty(fields: ConfigFields) -> Any:
    kind = fields["model_type"]
    return transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.for_model(kind, **{k: v for k, v in fields.items() if k != "model_type"}),
        trust_remote_code=False,
    )


def _check_shape(name: str, rows: int, columns: int, group: int) -> None:
    for what, size, number in (("columns", group, columns), ("rows", ROWS, rows)):
        if number % size:
            raise UserError(
                f"format=int4 takes {what} in groups of {size}, which do not divide the {number} of {name}; choose "
                "another group or width, or use format=int8"
            )


def check_tokenizer(config: Int8 | Int4, tokenizer: Mapping[str, Any]) -> None:
    """It is the folder's own."""


def write(config: Int8 | Int4, source: Path) -> Path:
    """One matrix is in memory at a time, besides what was rounded."""
    fields = json.loads((source / "config.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        kinds = quantizable(_empty(fields))
    state: dict[str, Tensor] = {}
    for path in weight_files(source):
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  # it is no mapping
                    stored = _rounded(config, name, kinds.get(name), file.get_tensor(name).float())
                    state |= {f"{name}.{part}" if part else name: tensor for part, tensor in stored.items()}
    folder = source / config.label
    folder.mkdir()
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    settings = [
        path for name in ("config.json", "generation_config.json") if (path := source / name).is_file()
    ]
    for path in (*settings, *tokenizer_files(source)):  # so that the folder can be handed on alone
        target = folder / path.relative_to(source)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)
    write_json(folder / SETTINGS, {"activations": getattr(config, "activations", "bf16")})
    return folder


def _rounded(config: Int8 | Int4, name: str, kind: str | None, weight: Tensor) -> dict[str, Tensor]:
    """What is stored of a weight; under an empty name where it stays as it is."""
    if kind is None:
        return {"": weight}
    if kind == "conv1d":
        weight = weight.t().contiguous()
    if isinstance(config, Int4) and kind in ("linear", "conv1d"):
        _check_shape(name, weight.size(0), weight.size(1), config.group)
        return round_groups(weight, config.group)
    return round_rows(weight)


def open_form(config: Int8 | Int4, path: Path, source: Path) -> Form:
    version = torch.__version__.partition("+")[0]
    return TransformersForm(
        load_quantized(path), f"transformers with torch {version}'s {config.choice} kernels"
    )
