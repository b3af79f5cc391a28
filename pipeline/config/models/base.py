"""What all models have in common."""

from typing import ClassVar

from pydantic import PositiveInt

from pipeline.config.choices import Choice


class ModelConfig(Choice):
    """The model that is trained."""

    tag: ClassVar[str] = "family"

    gives_hidden_states: ClassVar[bool] = False
    """Whether a fine-tuning task can put a head of its own on it: the model has `hidden(input_ids)`."""

    context: PositiveInt = 256
    """Longest sequence the model can read, in tokens."""

    @property
    def pretrained_path(self) -> str | None:
        """The folder or hub name of weights that training starts from; None for random ones."""
        return None
