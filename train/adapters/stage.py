"""What a stage that trains does about adapters, where it has a `lora` section. peft takes a while to import."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.config.training import TrainerConfig
from train.models import TrainableModel


def adapt(model: TrainableModel, lora: LoRAConfig | None, trainer: TrainerConfig) -> None:
    """Put adapters into the model, in place, and freeze all else; nothing without a section.

    Raises:
        UserError: where the model cannot have them, or what they need is not installed.
    """
    if lora is not None:
        from train.adapters.lora import add_trainable_adapters

        add_trainable_adapters(model, lora, bf16=trainer.precision == "bf16")


def whole_state(
    lora: LoRAConfig | None,
    state: dict[str, Tensor],
    new_model: Callable[[], TrainableModel],
    artifact: Path,
    base: str,
    section: ModelConfig,
) -> dict[str, Tensor]:
    """The whole model's weights after training. Adapters are also written by themselves.

    Args:
        state: what `fit` gives: of a model with adapters what was trained alone.
        new_model: makes a new copy of what training started from: under ZeRO-3 the trained module's own tensors are
            spread over the ranks.
        base: what that is called.
        section: what it was built from.
    """
    if lora is None:
        return state
    from train.adapters.lora import merge_trained

    return merge_trained(new_model(), lora, state, artifact, base, section)
