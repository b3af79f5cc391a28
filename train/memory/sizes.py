"""How large a model is, and what is trained of it, without building its weights."""

from dataclasses import replace
from functools import cache

from pydantic import TypeAdapter
from torch import nn

from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from train.adapters.layers import linear_layers
from train.models import TrainableModel
from train.models.sizes import ModelSizes, build_on_meta, meta_model, sizes_of

# Memory is predicted again and again for other settings, and sections cannot be hashed: their JSON can.


def trained_model(model: ModelConfig, vocab_size: int, lora: LoRAConfig | None) -> TrainableModel:
    """The model that is trained, on torch's meta device; who asks it something leaves it as it is.

    Raises:
        UserError: where it cannot have the adapters.
    """
    section = model.model_dump_json()
    return (
        meta_model(section, vocab_size)
        if lora is None
        else _adapted(section, vocab_size, lora.model_dump_json())
    )


def trained_sizes(model: ModelConfig, vocab_size: int, lora: LoRAConfig | None) -> ModelSizes:
    """Of that model.

    Raises:
        UserError: as `trained_model`.
    """
    return _sizes(model.model_dump_json(), vocab_size, None if lora is None else lora.model_dump_json())


@cache
def _adapted(model_json: str, vocab_size: int, lora_json: str) -> TrainableModel:
    from train.adapters.lora import add_adapters  # peft takes a while to import

    model = build_on_meta(TypeAdapter(ModelConfig).validate_json(model_json), vocab_size)
    add_adapters(model, LoRAConfig.model_validate_json(lora_json))
    return model


@cache
def _sizes(model_json: str, vocab_size: int, lora_json: str | None) -> ModelSizes:
    plain = meta_model(model_json, vocab_size)
    if lora_json is None:
        return sizes_of(plain)
    lora = LoRAConfig.model_validate_json(lora_json)
    sizes = sizes_of(_adapted(model_json, vocab_size, lora_json))
    if lora.quantize == "none":
        return sizes
    frozen = sum(plain.get_parameter(f"{name}.weight").numel() for name, _ in linear_layers(plain))
    return replace(sizes, quantized=frozen, matrices=sizes.matrices - frozen)


def adapter_activations(model: TrainableModel, lora: LoRAConfig, compute: int) -> int:
    """Bytes per token that autograd holds for the adapters beyond what it holds for the model.

    Args:
        model: of `trained_model`.
        compute: bytes of a number that layers read and write.
    """
    found = 0
    for name, factor in model.named_modules():
        if isinstance(factor, nn.Linear) and ".lora_A." in name:
            dropped = (
                (compute + 1) * factor.in_features if lora.dropout else 0
            )  # a layer's own input, and a mask
            found += dropped + compute * factor.out_features
    return found
