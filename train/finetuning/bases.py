"""Which models a task with a head of its own can start from."""

from collections.abc import Sequence

from pipeline.config.models import ModelConfig
from pipeline.config.models.base import READINGS, Reading
from pipeline.errors import UserError


def check_body(
    model: ModelConfig,
    setting: str,
    name: str,
    readings: Sequence[Reading] = ("left_to_right", "bidirectional", "encoder_decoder"),
) -> None:
    """See whether a model gives hidden states, and reads in a way that the task knows.

    Args:
        setting: what needs it, such as `finetune.task=classify`.
        name: what the message calls the model.

    Raises:
        UserError: where it does not.
    """
    if not model.gives_hidden_states:
        families = [family for family, one in ModelConfig.choices().items() if one.gives_hidden_states]
        raise UserError(
            f"{setting} needs a model that gives hidden states ({', '.join(families)}); {name} is of "
            f"model.family={model.choice}"
        )
    if model.reading not in readings:
        wanted = " or ".join(READINGS[reading] for reading in readings)
        raise UserError(
            f"{setting} needs a model that {wanted}; {name} is of model.family={model.choice}, which "
            f"{READINGS[model.reading]}"
        )
