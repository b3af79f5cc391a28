"""Tells of steps that are outliers, ends a run in which none counts any more, and keeps the losses of a short one."""

import pytorch_lightning as pl

from train.callbacks.after_step import AfterStep
from train.host import is_host
from train.module import LanguageModule

LOSSES = "losses"
"""The table with the loss of every step."""
MOST_LOSSES = 2000
"""Steps of a run up to which it is written: of longer ones those that are logged draw as good a curve."""


class Guard(AfterStep):
    """Reads what was found of each step, by which the optimizer has taken it or not.

    On a GPU it reads of the step before, for which it need not wait. So what follows from it (a message, a rollback, a
    stop, the end of the run) comes a step late; the weights are never late. Where a checkpoint, a validation or a line
    of the log makes it wait anyway, all is read.
    """

    counts_as_training = True

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        step, guard = self.progress.step, module.guard
        module.verdict()  # DeepSpeed leaves out a step whose gradients are not finite without asking
        known = step if self._waits_anyway(trainer) else step - 1
        for finding in module.judge.findings(known):
            if finding.judgement and self.progress.steps <= MOST_LOSSES:
                self.context.tracker.keep(LOSSES, ["loss"], [finding.judgement[1:2]], finding.step)
            reason = guard.note(finding.step, finding.judgement) if finding.judgement else None
            if reason is not None and self.context.rank == 0:
                self._report(finding.step, reason, counts=not guard.rejected)
            self.run.divergence.check_guard(guard, finding.step, reason)
            if guard.out_of_patience:
                return  # what comes later is undone by the rollback
            if finding.stop_asked and not self.progress.stop_asked:
                self.progress.stop_asked = True
                self.after_step(trainer, module)  # for the checkpoint that is now to come
                return

    def _waits_anyway(self, trainer: pl.Trainer) -> bool:
        settings, progress = self.run.plan.trainer, self.progress
        often = (settings.log_every, settings.validate_every, settings.checkpoint_every)
        waits = progress.is_last or progress.stop_asked or any(map(progress.is_due, often))
        return waits or is_host(trainer.strategy.root_device)

    def _report(self, step: int, reason: str, counts: bool) -> None:
        """Tell of the step, and keep what it had read."""
        plan, samples = self.run.plan, self.run.samples
        counts = counts or plan.trainer.guard.action == "warn"
        done = "it counts all the same" if counts else "the weights stay as they were"
        self.context.log.warning(f"step {step:,} is an outlier: {reason}; {done}")
        self.context.tracker.alert("outlier in training", f"step {step:,}: {reason}; {done}")
        position = self.run.skipped.data_step(step - 1)
        windows, ids = samples.window_ids(position), samples.input_ids(position)
        rows = [
            # An example may be several rows, such as a pair of answers.
            [reason, int(window), plan.decode(example.flatten().tolist())[:500]]
            for window, example in zip(windows, ids, strict=True)
        ]
        self.context.tracker.table("out_of_line", ["reason", "window", "text"], rows, step)
        self.context.tracker.log({"guard/out_of_line": 1.0}, step)
