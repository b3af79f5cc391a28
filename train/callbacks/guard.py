"""Tells of steps that are outliers, and ends a run in which none counts any more."""

import pytorch_lightning as pl

from train.callbacks.after_step import AfterStep
from train.module import LanguageModule


class Guard(AfterStep):
    """Looks at the verdict of the loss guard, by which the optimizer has taken the step or not."""

    counts_as_training = True

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        reason = module.verdict()
        if reason is not None and self.context.rank == 0:
            self._report(reason)
        self.run.divergence.check_guard(module.guard, self.progress.step, reason)

    def _report(self, reason: str) -> None:
        """Tell of the step, and keep what it had read."""
        plan, samples, step = self.run.plan, self.run.samples, self.progress.step
        warns = plan.trainer.guard.action == "warn"
        done = "it counts all the same" if warns else "the weights stay as they were"
        self.context.log.warning(f"step {step:,} is an outlier: {reason}; {done}")
        position = self.run.skipped.data_step(step - 1)
        windows, ids = samples.window_ids(position), samples.input_ids(position)
        rows = [
            # An example may be several rows, such as a pair of answers.
            [reason, int(window), plan.decode(example.flatten().tolist())[:500]]
            for window, example in zip(windows, ids, strict=True)
        ]
        self.context.tracker.table("out_of_line", ["reason", "window", "text"], rows, step)
        self.context.tracker.log({"guard/out_of_line": 1.0}, step)
