"""Low-rank adapters (Hu et al., 2021) through peft, on any of our models."""

from copy import copy
from pathlib import Path
from typing import cast

from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors.torch import save_file
from torch import nn
from transformers.pytorch_utils import Conv1D

from pipeline.config.models import ModelConfig
from pipeline.config.tasks.base import LoRAConfig
from pipeline.errors import UserError
from train.finetuning.wrapped import BODY, WrappedModel
from train.models import family

PREFIX = "base_model.model."
OUTPUT = "lm_head"
"""Gets no adapter: where it is tied it is the embedding, too."""


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
            target_modules=targets,
            # GPT-2 stores its linear maps as [in, out].
            fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
            modules_to_save=list(_new_layers(model)) or None,
        ),
    )


def target_layers(model: nn.Module, config: LoRAConfig) -> list[str]:
    """Names of the layers that get adapters.

    Raises:
        UserError: where `config.targets` names a layer that the model does not have, or it has none.
    """
    linear = {name for name, module in model.named_modules() if isinstance(module, (nn.Linear, Conv1D))}
    available = sorted({name.rpartition(".")[2] for name in linear} - {OUTPUT, *_new_layers(model)})
    unknown = sorted(set(config.targets or ()) - set(available))
    if unknown or not available:
        raise UserError(
            f"finetune.lora.targets: {', '.join(unknown) or 'none'} is no linear layer of this model; "
            f"it has {', '.join(available) or 'none'}"
        )
    return config.targets or available


def _new_layers(model: nn.Module) -> tuple[str, ...]:
    """Layers of a task's head."""
    return model.new_layers if isinstance(model, WrappedModel) else ()


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
    config.task_type = model.peft_task if wrapped else WrappedModel.peft_task
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
