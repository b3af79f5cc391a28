"""What a model can be pretrained to predict: a module for each objective, which its section names."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.config.objectives import ObjectiveConfig
from pipeline.formats.tokenizers import load_tokenizer
from train.checkpoints.final_model import described_objective
from train.objectives.objective import HeldOutScore, Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["HeldOutScore", "Objective", "build_objective", "pretrained_objective"]


class ObjectiveModule(Protocol):
    """A module of this folder, or of a plugin."""

    @staticmethod
    def build(config: Any, tokenizer: "PreTrainedTokenizerFast", seed: int) -> Objective: ...


def build_objective(config: ObjectiveConfig, tokenizer: "PreTrainedTokenizerFast", seed: int) -> Objective:
    """The objective of an `objective` section.

    Args:
        seed: of what it draws at random, such as the tokens that are masked.

    Raises:
        UserError: where the tokenizer lacks what the objective needs, such as a token for what is masked.
    """
    return config.load(ObjectiveModule).build(config, tokenizer, seed)


def pretrained_objective(artifact: Path, tokenizer_artifact: Path, seed: int = 0) -> Objective:
    """What the model in an artifact of pretrain has learned, as it is evaluated and exported.

    Raises:
        UserError: where the artifact or the tokenizer's is damaged.
    """
    return build_objective(described_objective(artifact), load_tokenizer(tokenizer_artifact), seed)
