"""Which steps are outliers: a loss or a gradient norm that is not finite, or far outside the recent ones."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pipeline.config.training import LossGuardConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import GuardMemory
from pipeline.store.markers import NotDone, read_marker, write_marker
from train.host import is_host

SKIPPED_FILE = "skipped_data.json"
# Makes the median absolute deviation of a normal distribution its standard deviation.
MAD_SCALE = 1.4826
# Losses that hardly vary would make every small move an outlier.
SMALLEST_DEVIATION = 0.005

NOTHING, STEEP, LOSS_NOT_FINITE, NORM_NOT_FINITE, HIGH_LOSS, HIGH_NORM = range(6)
"""What may be wrong with a step, in the order in which it is told. `STEEP` is a norm that stays high in step after
step; up to it a step counts."""


class LossGuard:
    """Judges each step against the accepted ones before it. A pure function of their losses and norms, so that all
    ranks, and a run that resumes, judge alike.

    A step is judged where its loss is (`judge`), so that the optimizer can obey without a word from the host; the host
    is told afterwards (`note`).
    """

    def __init__(self, config: LossGuardConfig):
        self.config = config
        self._recent = torch.full((2, config.history), math.nan, dtype=torch.float64)
        """Losses and norms of the accepted steps, the newest last; NaN where there were none."""
        self.rejected: list[int] = []
        """The outliers in a row, up to the last step that was noted."""
        self.not_finite = 0
        """How many steps in a row, up to the last one, had a loss or a gradient norm that is not finite."""
        self._high_norms = torch.zeros((), dtype=torch.int64)
        """How many steps in a row, up to the last one, had nothing wrong with them but a high gradient norm."""

    @torch.no_grad()
    def judge(self, loss: Tensor, norm: Tensor | None) -> Tensor:
        """What is to be said of a step: float64 [6], of which the first is `NOTHING` or what is wrong with it, and the
        others are for `note`. No value is read on the host.

        A step whose norm alone is high is left out, since its data may be to blame. Where it is high with any data, it
        is the place in which the weights are, and to leave it they must move: so after `patience` of them in a row the
        next counts, clipped like any other. A rollback leaves that place by another way.

        Args:
            loss: in nats per token, a scalar.
            norm: of the gradients before clipping, a scalar; None where it is not known, which is no fault.
        """
        recent = self._recent = self._recent.to(loss.device)
        known = torch.full_like(loss, math.nan) if norm is None else norm.to(loss.device)
        measured = torch.stack([loss.double(), known.double()])
        not_finite = ~measured.isfinite()
        if norm is None:
            not_finite[1] = False
        middle, usual = medians(recent)
        spread = MAD_SCALE * medians((recent[:1] - middle).abs())[0]
        deviation = torch.maximum(spread, SMALLEST_DEVIATION * middle)
        limits = torch.stack([middle + self.config.deviations * deviation, self.config.norm_factor * usual])
        enough = recent[0].isfinite().sum() >= self.config.history // 4
        wrong = torch.cat([not_finite, (measured > limits) & enough])
        only_norm = wrong[-1] & ~wrong[:-1].any()
        self._high_norms = high_norms = torch.where(only_norm, self._high_norms.to(loss.device) + 1, 0)
        steep = (high_norms > self.config.patience) & (self.config.action != "rollback")
        fine = ~wrong.any()
        accepted = steep | fine
        reason = torch.cat([fine[None], steep[None], wrong]).int().argmax()  # the first that holds
        self._recent = torch.where(accepted, torch.cat([recent[:, 1:], measured[:, None]], 1), recent)
        return torch.cat([reason[None], measured, torch.stack([middle, deviation, usual])])

    def note(self, step: int, judgement: Sequence[float]) -> str | None:
        """Count a step as what `judge` found it to be. Returns what is wrong with it, or None."""
        reason = int(judgement[0])
        finite = reason not in (LOSS_NOT_FINITE, NORM_NOT_FINITE)
        self.not_finite = 0 if finite else self.not_finite + 1
        if reason <= STEEP:
            self.rejected.clear()
        else:
            self.rejected.append(step)
        return None if reason == NOTHING else _in_words(reason, *judgement[1:])

    @property
    def out_of_patience(self) -> bool:
        return self.config.action == "rollback" and len(self.rejected) >= self.config.patience

    def gives_up(self, left_out: int) -> bool:
        """Whether training has no way on. `left_out`: steps that rollbacks left out not long before these."""
        in_a_row = self.not_finite if self.config.action == "warn" else len(self.rejected)
        return in_a_row > 0 and in_a_row + left_out >= self.config.give_up_after

    def memory(self) -> GuardMemory:
        """What a checkpoint keeps of it, once all steps are noted."""
        losses, norms = ([value for value in row if math.isfinite(value)] for row in self._recent.tolist())
        return {
            "losses": losses,
            "norms": norms,
            "rejected": [*self.rejected],
            "not_finite": self.not_finite,
            "high_norms": int(self._high_norms),
        }

    def remember(self, memory: GuardMemory) -> None:
        for row, values in zip(
            self._recent, (memory.get("losses", ()), memory.get("norms", ())), strict=True
        ):
            newest = torch.tensor(values[-len(row) :], dtype=row.dtype)
            row[len(row) - len(newest) :] = newest
        self.rejected = list(memory.get("rejected", ()))
        self.not_finite = memory.get("not_finite", 0)
        self._high_norms = torch.tensor(memory.get("high_norms", 0))


def medians(rows: Tensor) -> Tensor:
    """Of each row [rows, values] the median of what is no NaN: of two in the middle their mean. NaN where there is
    nothing."""
    if not is_host(rows.device):
        return rows.nanquantile(0.5, dim=1)  # on CUDA `nanmedian` of rows is not deterministic
    lower, upper = rows.nanmedian(1).values, -(-rows).nanmedian(1).values
    return lower.lerp(upper, 0.5)  # bitwise the same in a third of the time


def _in_words(reason: int, loss: float, norm: float, middle: float, deviation: float, usual: float) -> str:
    if reason == LOSS_NOT_FINITE:
        return f"the loss is {loss}"
    if reason == NORM_NOT_FINITE:
        return f"the gradient norm is {norm}"
    if reason == HIGH_LOSS:
        return f"the loss {loss:.3f} is {(loss - middle) / deviation:.0f} deviations above {middle:.3f}"
    high = f"the gradient norm {norm:.3g} is {norm / usual:.0f} times the usual {usual:.3g}"
    return f"{high} with other data, too" if reason == STEEP else high


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
