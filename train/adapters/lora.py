"""Low-rank adapters (Hu et al., 2021), and their variants, through peft, on any of our models."""

from copy import copy
from pathlib import Path
from typing import cast

from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.errors import UserError
from train.adapters import ADAPTER_FOLDER
from train.adapters.layers import linear_layers, new_layers, spared_layers
from train.adapters.quantization import quantize, round_weights
from train.models import TrainableModel, family
from train.models.wrapped import BODY, WrappedModel

PREFIX = "base_model.model."


def add_trainable_adapters(model: TrainableModel, config: LoRAConfig, *, bf16: bool) -> PeftModel:
    """Make the model, in place, one of which adapters are trained; its weights are of 4 bits where that is set.

    Args:
        bf16: whether it computes in bf16, else in fp32.

    Raises:
        UserError: as `add_adapters`; where bitsandbytes is needed and not there.
    """
    if config.quantize != "none":
        target_layers(model, config)
        quantize(model, config, bf16=bf16)
    return add_adapters(model, config)


def add_adapters_to_merge(model: nn.Module, config: LoRAConfig) -> PeftModel:
    """As `add_trainable_adapters`, with weights in fp32 that are what those of 4 bits stand for."""
    if config.quantize != "none":
        round_weights(model, config)
    return add_adapters(model, config)


def merge_trained(
    model: TrainableModel,
    config: LoRAConfig,
    state: dict[str, Tensor],
    folder: Path,
    base: str,
    section: ModelConfig,
) -> dict[str, Tensor]:
    """The weights with what was trained added. The adapters by themselves are written to a folder within `folder`.

    Args:
        model: a new copy of what training started from.
        state: what was trained, and nothing else.
        base, section: as of `save_adapters`.
    """
    adapted = add_adapters_to_merge(model, config)
    unknown = model.load_state_dict(state, strict=False).unexpected_keys
    assert not unknown, unknown
    save_adapters(adapted, folder / ADAPTER_FOLDER, base, section)
    return merge_adapters(adapted).state_dict()


def add_adapters(model: nn.Module, config: LoRAConfig) -> PeftModel:
    """Put adapters into the model's linear layers, in place, and freeze all else.

    The model keeps its class and its methods; the wrapper that is returned knows how to merge. The layers
    of a task's head are trained whole.

    Raises:
        UserError: where `config.targets` names a layer that the model does not have.
    """
    targets = target_layers(model, config)
    return get_peft_model(
        model,
        LoraConfig(
            r=config.rank,
            lora_alpha=cast(int, config.alpha),  # a fraction will do, whatever peft calls it
            lora_dropout=config.dropout,
            use_rslora=config.variant == "rslora",
            use_dora=config.variant == "dora",
            target_modules=targets,
            exclude_modules=spared_layers(model) or None,
            # GPT-2 stores its linear maps as [in, out].
            fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
            modules_to_save=list(new_layers(model)) or None,
        ),
    )


def target_layers(model: nn.Module, config: LoRAConfig) -> list[str]:
    """Names of the layers that get adapters.

    Raises:
        UserError: where `config.targets` names a layer that the model does not have, or it has none.
    """
    available = sorted({name.rpartition(".")[2] for name, _ in linear_layers(model)})
    unknown = sorted(set(config.targets or ()) - set(available))
    if unknown or not available:
        raise UserError(
            f"lora.targets: {', '.join(unknown) or 'none'} is no linear layer of this model; "
            f"it has {', '.join(available) or 'none'}"
        )
    return config.targets or available


def save_adapters(adapted: PeftModel, folder: Path, base: str, section: ModelConfig) -> None:
    """Write adapters as peft reads them, for `PeftModel.from_pretrained(<exported base model>, folder)`.

    Args:
        base: what the base model is called.
        section: what it was built from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    # peft names weights from the root of what it wraps, and later wraps the model of transformers itself.
    model = adapted.get_base_model()
    wrapped = isinstance(model, WrappedModel)
    inner = (BODY if wrapped else "") + family(section).parameter_prefix
    named = {PREFIX + name.removeprefix(PREFIX + inner).removeprefix(PREFIX): t for name, t in state.items()}
    named = {name: tensor.detach().cpu().contiguous() for name, tensor in named.items()}
    save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = copy(adapted.peft_config["default"])
    assert isinstance(config, LoraConfig)
    config.base_model_name_or_path = base
    config.inference_mode = True
    config.target_modules = sorted(config.target_modules or ())
    config.task_type = cast(TrainableModel, model).peft_task
    config.save_pretrained(str(folder))


def merge_adapters(adapted: PeftModel) -> nn.Module:
    """The plain model, in place, with the adapters' products added to its weights."""
    # peft's merge_and_unload takes `model.config` for a transformers config, which our models do not have.
    model = adapted.get_base_model()
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            plain = module.get_base_layer()
        elif isinstance(module, ModulesToSaveWrapper):
            plain = module.modules_to_save["default"]
        else:
            continue
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, plain)
    return model
