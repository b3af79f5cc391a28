"""What fine-tuning asks of the model that it starts from, as far as the model's settings tell."""

from pipeline.config.models import ModelConfig
from pipeline.config.tasks import FinetuneConfig
from pipeline.errors import UserError


def longest(settings: FinetuneConfig, model: ModelConfig, name: str) -> int:
    """Longest example in tokens.

    Raises:
        UserError: where `max_length` is more than the model reads.
    """
    if settings.max_length is not None and settings.max_length > model.context:
        raise UserError(
            f"finetune.max_length={settings.max_length} is longer than the context of {model.context} that "
            f"{name} is trained with; lower it"
        )
    return settings.max_length or model.context


def room_for_more(settings: FinetuneConfig, model: ModelConfig) -> str:
    """What to do so that fewer examples are too long, which lose something."""
    if settings.max_length is not None and settings.max_length < model.context:
        longer = f"raise finetune.max_length={settings.max_length}, at most to the model's context of {model.context:,}"
    elif settings.init is not None:
        longer = (
            f"start from a model with a longer context than the {model.context:,} tokens of "
            f"finetune.init={settings.init}"
        )
    else:
        longer = f"give the model that is pretrained a longer context (model.context={model.context} now)"
    return f"{longer}, or leave the long ones out"
