"""Which steps are outliers: a loss or a gradient norm that is not finite, or far outside the recent ones."""

import math
import statistics
from collections import deque
from pathlib import Path

from pipeline.config.training import LossGuardConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import GuardMemory
from pipeline.store.markers import NotDone, read_marker, write_marker

SKIPPED_FILE = "skipped_data.json"
# Makes the median absolute deviation of a normal distribution its standard deviation.
MAD_SCALE = 1.4826
# Losses that hardly vary would make every small move an outlier.
SMALLEST_DEVIATION = 0.005


class LossGuard:
    """Judges each step against the accepted ones before it. A pure function of their losses and norms, so that all
    ranks, and a run that resumes, judge alike."""

    def __init__(self, config: LossGuardConfig):
        self.config = config
        self._losses: deque[float] = deque(maxlen=config.history)
        self._norms: deque[float] = deque(maxlen=config.history)
        self.rejected: list[int] = []
        """The outliers in a row, up to the last step."""
        self.not_finite = 0
        """How many steps in a row, up to the last one, had a loss or a gradient norm that is not finite."""

    def judge(self, step: int, loss: float, norm: float | None) -> str | None:
        """What is wrong with the step, or None. Loss in nats per token; norm before clipping."""
        reason = self._reason(loss, norm)
        finite = math.isfinite(loss) and (norm is None or math.isfinite(norm))
        self.not_finite = 0 if finite else self.not_finite + 1
        if reason is None:
            self._losses.append(loss)
            if norm is not None:
                self._norms.append(norm)
            self.rejected.clear()
        else:
            self.rejected.append(step)
        return reason

    def _reason(self, loss: float, norm: float | None) -> str | None:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if norm is not None and not math.isfinite(norm):
            return f"the gradient norm is {norm}"
        if len(self._losses) < self.config.history // 4:
            return None
        middle = statistics.median(self._losses)
        deviation = MAD_SCALE * statistics.median(abs(value - middle) for value in self._losses)
        deviation = max(deviation, SMALLEST_DEVIATION * middle)
        if loss > middle + self.config.deviations * deviation:
            return f"the loss {loss:.3f} is {(loss - middle) / deviation:.0f} deviations above {middle:.3f}"
        if norm is not None and self._norms:
            usual = statistics.median(self._norms)
            if norm > self.config.norm_factor * usual:
                return f"the gradient norm {norm:.3g} is {norm / usual:.0f} times the usual {usual:.3g}"
        return None

    @property
    def out_of_patience(self) -> bool:
        return self.config.action == "rollback" and len(self.rejected) >= self.config.patience

    def gives_up(self, left_out: int) -> bool:
        """Whether training has no way on. `left_out`: steps that rollbacks left out not long before these."""
        in_a_row = self.not_finite if self.config.action == "warn" else len(self.rejected)
        return in_a_row > 0 and in_a_row + left_out >= self.config.give_up_after

    def memory(self) -> GuardMemory:
        """What a checkpoint keeps of it."""
        return {
            "losses": [*self._losses],
            "norms": [*self._norms],
            "rejected": [*self.rejected],
            "not_finite": self.not_finite,
        }

    def remember(self, memory: GuardMemory) -> None:
        self._losses.extend(memory.get("losses", ()))
        self._norms.extend(memory.get("norms", ()))
        self.rejected = list(memory.get("rejected", ()))
        self.not_finite = memory.get("not_finite", 0)


class SkippedData:
    """Data that rollbacks left out: from step `at` on, everything comes `steps` steps' worth of data later.

    So what a step sees stays a pure function of the seed, the step and this list, which is kept beside the
    checkpoints.
    """

    def __init__(self, artifact: Path):
        """Raises: UserError: where the list is damaged."""
        self._path = artifact / SKIPPED_FILE
        self.rows: list[dict[str, int]] = []
        if self._path.is_file():
            try:
                self.rows = read_marker(self._path)
            except NotDone:
                raise UserError(
                    f"{self._path} is damaged: it says which data this training has left out, and without it training "
                    f"cannot go on; delete the folder {artifact} and start again from the beginning"
                ) from None

    def add(self, at: int, steps: int) -> None:
        self.rows.append({"at": at, "steps": steps})
        write_marker(self._path, self.rows)

    def recent(self, step: int, history: int) -> int:
        """Steps' worth of data left out at the last `history` training steps up to `step`, from 0."""
        return sum(row["steps"] for row in self.rows if step - history < row["at"] <= step)

    def data_step(self, step: int) -> int:
        """The position in the data of training step `step`, both from 0."""
        return step + sum(row["steps"] for row in self.rows if step >= row["at"])
