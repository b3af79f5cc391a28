"""Our decoder's layouts as GGUF files have them: names and order of weights, and what is said of the architecture."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open

from pipeline.config.models.decoder import DecoderConfig
from pipeline.errors import UserError
from pipeline.formats.model_folder import weight_files
from train.exporting.formats.decoder_layout import read_layout
from train.models.family import ConfigFields
from train.models.rope_scaling import scaled_frequencies

if TYPE_CHECKING:
    from gguf import GGUFWriter

BLOCK = 32
"""Numbers of a row that share a scale, in all types of fewer than 16 bits that are written here."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of the file, read when it is written."""

    name: str
    shape: tuple[int, ...]
    whole: bool
    """Whether it stays in fp32 whatever the file's type."""
    read: Callable[[], np.ndarray[Any, Any]]
    """In fp32."""


def gguf_layout(fields: ConfigFields) -> DecoderConfig:
    """The decoder that a config.json describes.

    Raises:
        UserError: where it is none of the layouts that are written here.
    """
    config = read_layout(fields, "gguf")
    if config.rope_scaling is not None and config.rope_scaling.attention_factor is not None:
        raise UserError(
            "llama.cpp takes no rope_scaling.attention_factor as it is; leave it out, or leave out format=gguf"
        )
    return config


def check_blocks(config: DecoderConfig, type: str) -> None:
    """Raises: UserError: where rows cannot be cut into blocks."""
    widths = {
        "model.hidden": config.hidden,
        "the MLP's inner width (model.mlp)": config.mlp_width,
        "heads × head size": config.heads * config.head_width,
    }
    for name, width in widths.items():
        if width % BLOCK:
            raise UserError(
                f"type={type} stores blocks of {BLOCK} numbers, which do not divide {name}, {width}; use type=f16, or "
                "change the width"
            )


def add_architecture(writer: "GGUFWriter", config: DecoderConfig, rows: int) -> None:
    """Add the sizes, under the names of llama.cpp's architectures."""
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.hidden)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.mlp_width)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.key_value_heads)
    writer.add_vocab_size(rows)
    if config.layout == "gpt2":
        writer.add_layer_norm_eps(config.norm_eps)
        return
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_key_length(config.head_width)
    writer.add_value_length(config.head_width)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_rope_freq_base(config.rope_theta)
    if (scaling := config.rope_scaling) is not None and scaling.rope_type != "llama3":
        from gguf import RopeScalingType

        writer.add_rope_scaling_type(RopeScalingType(scaling.rope_type))
        writer.add_rope_scaling_factor(scaling.factor)
        if scaling.rope_type == "yarn":
            writer.add_rope_scaling_orig_ctx_len(scaling.original_context(config.context))
            writer.add_rope_scaling_yarn_beta_fast(scaling.beta_fast)
            writer.add_rope_scaling_yarn_beta_slow(scaling.beta_slow)


def stored_tensors(config: DecoderConfig, source: Path, stack: ExitStack) -> Iterator[StoredTensor]:
    """All tensors of the file, from an exported folder.

    Args:
        stack: holds the folder's files open; each tensor is read by itself.
    """
    import gguf

    arch = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}[config.layout]
    names = gguf.get_tensor_name_map(arch, config.layers)
    for path in weight_files(source):
        if path.suffix != ".safetensors":
            continue  # the index
        file = stack.enter_context(safe_open(path, framework="pt"))
        for theirs in file.keys():  # noqa: SIM118  # it is no mapping
            if config.tie_embeddings and theirs == "lm_head.weight":
                continue
            name = names.get_name(theirs, try_suffixes=(".weight", ".bias"))
            if name is None:
                raise UserError(f"{source} has weights {theirs!r}, for which GGUF has no name")
            yield _stored(config, file, theirs, name)
    if (scaling := config.rope_scaling) is not None and scaling.rope_type == "llama3":
        factors = _llama3_factors(config)
        yield StoredTensor("rope_freqs.weight", factors.shape, True, lambda: factors)


def _stored(config: DecoderConfig, file: Any, theirs: str, name: str) -> StoredTensor:
    shape = tuple(file.get_slice(theirs).get_shape())
    turned = config.layout == "gpt2" and re.search(r"\.c_(attn|proj|fc)\.weight$", theirs) is not None
    heads = {"q_proj": config.heads, "k_proj": config.key_value_heads}.get(theirs.split(".")[-2], 0)

    def read() -> np.ndarray[Any, Any]:
        tensor = file.get_tensor(theirs).to(torch.float32)
        if turned:  # GPT-2 has its linear maps as [in, out]
            tensor = tensor.t()
        if config.layout == "llama" and heads:
            # Its rotary positions turn neighbouring channels there, and the two halves of a head here.
            tensor = tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).reshape(tensor.shape)
        return np.ascontiguousarray(tensor.numpy())

    whole = len(shape) == 1 or name == "position_embd.weight"
    return StoredTensor(name, shape[::-1] if turned else shape, whole, read)


def _llama3_factors(config: DecoderConfig) -> np.ndarray[Any, Any]:
    """What each pair's angle is divided by."""
    assert config.rope_scaling is not None
    exponents = torch.arange(0, config.head_width, 2, dtype=torch.float32) / config.head_width
    plain = 1.0 / config.rope_theta**exponents
    slowed, _ = scaled_frequencies(plain, config.rope_theta, config.rope_scaling, config.context)
    return (plain / slowed).numpy()
