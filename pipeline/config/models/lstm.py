"""Settings of the recurrent models."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from pipeline.config.models.base import ModelConfig


class LSTMConfig(ModelConfig):
    """A recurrent model: LSTM or GRU layers with dropout between them, and attention if wanted."""

    implementation: ClassVar[str] = "train.models.lstm.family"
    regularizes: ClassVar[bool] = True
    gives_hidden_states: ClassVar[bool] = True

    family: Literal["lstm"] = "lstm"
    cell: Literal["lstm", "gru"] = "lstm"
    """`lstm` (Hochreiter and Schmidhuber, 1997), or `gru` (Cho et al., 2014), which has three matrices in place of
    four."""
    attention: PositiveInt | None = None
    """Lets the last layer look back at all its outputs by additive attention (Bahdanau et al., 2015), whose scores are
    this many numbers wide; None means no attention."""
    layers: PositiveInt = 2
    hidden: PositiveInt = 512
    """Cells per layer."""
    embedding: PositiveInt = 256
    """Width of the embeddings, and of the projection before the output matrix."""
    context: PositiveInt = 256
    """Length of the training windows, in tokens."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    tie_embeddings: bool = True
