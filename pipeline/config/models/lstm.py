"""The LSTM's settings."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from pipeline.config.models.base import ModelConfig


class LSTMConfig(ModelConfig):
    """A recurrent baseline: LSTM layers with dropout between them."""

    implementation: ClassVar[str] = "train.models.lstm.family"
    regularizes: ClassVar[bool] = True
    gives_hidden_states: ClassVar[bool] = True

    family: Literal["lstm"] = "lstm"
    layers: PositiveInt = 2
    hidden: PositiveInt = 512
    """Cells per layer."""
    embedding: PositiveInt = 256
    """Width of the embeddings, and of the projection before the output matrix."""
    context: PositiveInt = 256
    """Length of the training windows, in tokens."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    tie_embeddings: bool = True
