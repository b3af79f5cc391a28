"""How many steps a training run takes."""

import math

from pipeline.config.training import TrainerConfig


def count_steps(trainer: TrainerConfig, examples: int, tokens_per_example: float, parameters: int) -> int:
    """Optimizer steps of `trainer.steps`, `.tokens`, `.tokens_per_parameter` or `.epochs`, rounded up."""
    if trainer.steps is not None:
        return trainer.steps
    tokens = trainer.tokens
    if trainer.tokens_per_parameter is not None:
        tokens = trainer.tokens_per_parameter * parameters
    if tokens is not None:
        return math.ceil(tokens / (trainer.global_batch * tokens_per_example))
    assert trainer.epochs is not None  # as `TrainerConfig.problems` asks for one of the four
    return math.ceil(trainer.epochs * examples / trainer.global_batch)
