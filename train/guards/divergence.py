"""Training that has failed although it could go on: its steps no longer count, or what it came to is not finite."""

import math

from pipeline.errors import UserError
from train.checkpoints.manager import Checkpoints, any_rank
from train.checkpoints.training_state import TrainingState
from train.guards.loss_guard import LossGuard, SkippedData
from train.models.finite import all_finite
from train.strategies.strategy import TrainingStrategy

ADVICE = (
    "lower the learning rate (optim.lr, optim.muon_lr), warm up for longer (schedule.warmup), clip gradients to a "
    "smaller norm (optim.grad_clip), or train in trainer.precision=fp32 (for fine-tuning with `finetune.` before each)"
)


class Divergence:
    """Ends a run that has diverged. What it raises is a `UserError` that says what to try, on all ranks alike, and the
    checkpoints from before stay."""

    def __init__(self, checkpoints: Checkpoints, strategy: TrainingStrategy, skipped: SkippedData):
        self._checkpoints, self._strategy, self._skipped = checkpoints, strategy, skipped

    def check_guard(self, guard: LossGuard, step: int, reason: str | None) -> None:
        """After a step (from 1) that the guard has judged, with what it found wrong with it.

        Raises:
            UserError: where too many steps in a row did not count.
        """
        if not guard.gives_up(self._skipped.recent(step - 1, guard.config.history)):
            return
        limit = f"trainer.guard.give_up_after={guard.config.give_up_after}"
        if guard.not_finite:
            self._fail(
                f"training has diverged: up to step {step:,} no step counts any more ({reason}; {limit})"
            )
        self._fail(
            f"up to step {step:,} no step counts any more ({reason}; {limit}). Where the data has changed in kind, and "
            "the new level of the loss is right, raise trainer.guard.deviations and trainer.guard.norm_factor or set "
            "trainer.guard.action=warn. Else training has diverged"
        )

    def check_end(self, guard: LossGuard, validation_loss: float | None) -> None:
        """After the last step and its validation, where there was one.

        Raises:
            UserError: where the model predicts nothing.
        """
        if validation_loss is None and guard.not_finite >= guard.config.patience:
            self._fail(f"training has diverged: the loss of its last {guard.not_finite} steps is not finite")
        if validation_loss is not None and not math.isfinite(validation_loss):
            self._fail(f"training has diverged: at its end the validation loss is {validation_loss}")

    def check_state(self, state: TrainingState, step: int) -> None:
        """Before a checkpoint is written: one that is not finite would push the good ones out.

        Raises:
            UserError: where a weight or an optimizer's state is not finite, on any rank.
        """
        owned = state.owned(self._strategy.global_rank, self._strategy.world_size)
        if any_rank(self._strategy, not all_finite(piece.tensor for piece in owned)):
            self._fail(
                f"training has diverged: after step {step:,} weights or the optimizer's states are not finite, so no "
                "checkpoint is made of them"
            )

    def _fail(self, what: str) -> None:
        self._checkpoints.conclude()
        last = self._checkpoints.last_step
        kept = "No checkpoint was written before" if last < 0 else f"The checkpoint of step {last:,} is kept"
        raise UserError(f"{what}: {ADVICE}. {kept}; no model was made of this run")
