"""How many steps a training run takes."""

import math

from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError


def count_steps(
    trainer: TrainerConfig,
    examples: int,
    tokens_per_example: float,
    parameters: int,
    flops_per_token: float | None,
) -> int:
    """Optimizer steps of `trainer.steps`, or of the tokens, epochs, FLOPs or seconds that it gives, rounded up.

    Args:
        flops_per_token: of forward and backward pass; None where the model does not say.

    Raises:
        UserError: for `trainer.flops` of a model that does not say what a token takes.
    """
    if trainer.steps is not None:
        return trainer.steps
    tokens = trainer.tokens
    if trainer.tokens_per_parameter is not None:
        tokens = trainer.tokens_per_parameter * parameters
    if trainer.flops is not None:
        if flops_per_token is None:
            raise UserError(
                f"trainer.flops={trainer.flops:g} needs a model that says what a token takes, and this one does not; "
                "give trainer.tokens or trainer.steps"
            )
        tokens = trainer.flops / flops_per_token
    if trainer.seconds is not None and trainer.speed is not None:
        tokens = trainer.seconds * trainer.speed
    if tokens is not None:
        return math.ceil(tokens / (trainer.global_batch * tokens_per_example))
    assert trainer.epochs is not None  # as `TrainerConfig.problems` asks for one of them
    return math.ceil(trainer.epochs * examples / trainer.global_batch)
