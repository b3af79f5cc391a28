"""A model as one of the kinds of `interface.py`, for code that serves no other."""

from torch import nn

from train.models.interface import Body, LanguageModel, WritingModel


def as_body(model: nn.Module) -> Body:
    """The model, for a task that puts a head on its hidden states.

    Raises:
        TypeError: where it gives none.
    """
    if not isinstance(model, Body):
        raise TypeError(f"a model that gives hidden states is expected, not {type(model).__name__}")
    return model


def as_language_model(model: nn.Module) -> LanguageModel:
    """The model, for code that serves none but those that read from left to right.

    Raises:
        TypeError: where it is another.
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"a model that reads from left to right is expected, not {type(model).__name__}")
    return model


def as_writing_model(model: nn.Module) -> WritingModel:
    """The model, for code that lets it write.

    Raises:
        TypeError: where it writes no texts.
    """
    if not isinstance(model, WritingModel):
        raise TypeError(f"a model that writes texts is expected, not {type(model).__name__}")
    return model
