"""Writes down where the time of some steps goes."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytorch_lightning as pl
import torch
from torch.autograd.profiler_util import FunctionEventAvg
from torch.profiler import ProfilerActivity, profile

from train.callbacks.after_step import AfterStep
from train.data.batches import Batch
from train.module import LanguageModule
from train.training_run import TrainingRun

FOLDER = "profile"
"""Folder of the artifact."""
HEAVIEST = 3
"""Operators that the log names."""


class Profile(AfterStep):
    """Of the steps of `trainer.profile`, by rank 0: a trace for chrome://tracing or ui.perfetto.dev in `profile/`, and
    the heaviest operators in the log."""

    def __init__(self, run: TrainingRun, first: int, last: int):
        super().__init__(run)
        self._first, self._last = first, last
        self._profiler: profile | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        due = self._first <= self.progress.step + 1 <= self._last
        if due and self._profiler is None and self.context.rank == 0:
            devices = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self.run.plan.on_gpu else [])]
            self._profiler = profile(activities=devices)
            with _without_its_marks():
                self._profiler.start()

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if self._profiler is not None and self.progress.step >= self._last:
            self._finish(self._profiler)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._profiler is not None:  # training has ended before the last of these steps
            with _without_its_marks():
                self._profiler.stop()
            self._profiler = None

    def _finish(self, profiler: profile) -> None:
        if self.run.plan.on_gpu:
            torch.cuda.synchronize()
        with _without_its_marks():
            profiler.stop()
        self._profiler = None
        path = self.context.folder / FOLDER / f"steps-{self._first}-{self._last}.json.gz"
        path.parent.mkdir(exist_ok=True)
        profiler.export_chrome_trace(str(path))
        shares = heaviest(list(profiler.key_averages()), self.run.plan.on_gpu)
        told = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        self.context.log.info(
            f"profile of steps {self._first} to {self._last}: most time goes to {told} ({FOLDER}/{path.name})"
        )


@contextmanager
def _without_its_marks() -> Generator[None]:
    """Kineto writes a line where it starts and where it stops, whatever log level it is given."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def heaviest(operators: list[FunctionEventAvg], on_gpu: bool) -> list[tuple[str, float]]:
    """The operators that take most time by themselves, without what they call, with their shares of all of it."""
    seconds = {
        str(operator.key): operator.self_device_time_total if on_gpu else operator.self_cpu_time_total
        for operator in operators
        # The others, and those of autograd's engine, are spans of what calls them.
        if "::" in str(operator.key) and not str(operator.key).startswith("autograd::")
    }
    total = sum(seconds.values()) or 1.0
    ranked = sorted(seconds, key=lambda name: -seconds[name])[:HEAVIEST]
    return [(name, seconds[name] / total) for name in ranked]
