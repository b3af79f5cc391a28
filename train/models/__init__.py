"""Models behind one interface; `build_model` makes the one that a section names.

A folder, or a file, for each family, with a `FAMILY` that answers all questions about it: see `train/models/family.py`.
"""

from train.models.family import (
    ConfigFields,
    ModelFamily,
    build_model,
    count_parameters,
    family,
    flops_per_token,
)
from train.models.interface import (
    IGNORE_INDEX,
    Body,
    FigureSum,
    LanguageModel,
    LossSum,
    MaskedLanguageModel,
    TrainableModel,
    WritingModel,
)
from train.models.kinds import as_body, as_language_model, as_writing_model

__all__ = [
    "IGNORE_INDEX",
    "Body",
    "ConfigFields",
    "FigureSum",
    "LanguageModel",
    "LossSum",
    "MaskedLanguageModel",
    "ModelFamily",
    "TrainableModel",
    "WritingModel",
    "as_body",
    "as_language_model",
    "as_writing_model",
    "build_model",
    "count_parameters",
    "family",
    "flops_per_token",
]
