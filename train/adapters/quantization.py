"""Frozen weights of 4 bits (QLoRA; Dettmers et al., 2023), through bitsandbytes, on GPUs and CPUs."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from pipeline.config.lora import LoRAConfig
from pipeline.packages import Need, NotInstalled
from train.adapters.layers import linear_layers


def check_quantization(config: LoRAConfig) -> None:
    """Raises: UserError: where weights are to be of 4 bits, and bitsandbytes is not there."""
    if config.quantize != "none":
        _bitsandbytes(config)


def quantize(model: nn.Module, config: LoRAConfig, *, bf16: bool) -> None:
    """Put layers with weights of 4 bits in the place of the model's linear layers, its output and new ones aside.

    Args:
        bf16: whether products are made in bf16, else in fp32.

    Raises:
        UserError: where bitsandbytes is not there.
    """
    for name, layer in linear_layers(model):
        packed = _packed(layer, config)
        packed.compute_dtype = torch.bfloat16 if bf16 else torch.float32
        packed.compute_type_is_set = True
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, packed)


def round_weights(model: nn.Module, config: LoRAConfig) -> None:
    """Give the same layers, in place, the weights that `quantize` leaves of theirs.

    Raises:
        UserError: where bitsandbytes is not there.
    """
    functional = _bitsandbytes(config).functional
    for _, layer in linear_layers(model):
        packed = _packed(layer, config).weight
        with torch.no_grad():
            _as_linear(layer).copy_(functional.dequantize_4bit(packed.data, packed.quant_state))


def _packed(layer: Any, config: LoRAConfig) -> Any:
    """A bitsandbytes layer with the weights of one of torch's or of GPT-2's."""
    nn4 = _bitsandbytes(config).nn
    weight = _as_linear(layer)
    rows, columns = weight.shape
    packed = nn4.Linear4bit(columns, rows, bias=False, quant_type=config.quantize, device="meta")
    packed.bias = layer.bias
    held = nn4.Params4bit(
        weight.detach(),
        requires_grad=False,
        quant_type=config.quantize,
        compress_statistics=True,
        module=packed,
    )
    packed.weight = held.to(weight.device)  # the first move packs
    # On some CPUs it would pack them anew in a validation, with less exact scales, and train on with those.
    packed.support_avx512bf16_for_cpu = False
    return packed.train(layer.training)


def _as_linear(layer: Any) -> Tensor:
    """The weight [out, in]; GPT-2 has its linear maps as [in, out]."""
    return layer.weight.T if isinstance(layer, Conv1D) else layer.weight


def _bitsandbytes(config: LoRAConfig) -> ModuleType:
    try:
        import bitsandbytes
    except ImportError:
        need = Need(
            f"lora.quantize={config.quantize}", ("bitsandbytes",), "quantize", "set lora.quantize=none"
        )
        raise NotInstalled([need]) from None
    return bitsandbytes
