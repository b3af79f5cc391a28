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
