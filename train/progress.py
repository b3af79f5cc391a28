"""How far training has come: what several callbacks need to know."""

import time
from collections.abc import Generator
from contextlib import contextmanager


class Progress:
    """The step that was done last, its losses and the speed; all ranks know the same but for the speed."""

    def __init__(self, steps: int):
        self.steps = steps
        """Of the whole run; fewer than were planned where it ends early."""
        self.step = 0
        """The last optimizer step that is done, from 1; 0 before the first."""
        self.step_ended = False
        """Whether the last micro-batch ended a step; with gradient accumulation most do not."""
        self.stop_asked = False
        """Whether a signal has asked any rank to stop, as far as all of them know."""
        self.train_loss: float | None = None
        """The last that was logged, in nats per token."""
        self.validation_loss: float | None = None
        """Of this step; None where it was not followed by a validation."""
        self.validation_figures: dict[str, float] = {}
        """What the model told beside its loss in the last validation."""
        self.is_best = False
        """Whether this step's validation was the best so far, where the plan looks for that."""
        self.throughput = Throughput()

    def start(self, step: int) -> None:
        """Begin at a step, or go on from it."""
        self.step = step
        self.throughput.start()

    def advance(self, step: int) -> None:
        """Note what step was done last, after a micro-batch."""
        self.step_ended = step != self.step
        if self.step_ended:
            self.step = step
            self.validation_loss, self.is_best = None, False
            self.throughput.step_ends()

    def end(self) -> None:
        """Make this step the last one."""
        self.steps = self.step

    @property
    def is_last(self) -> bool:
        return self.step == self.steps

    def is_due(self, every: int) -> bool:
        """Whether what happens every so many steps, or with 0 never, happens after this one."""
        return every > 0 and self.step % every == 0


class Throughput:
    """Tokens per second of training alone: the time of validation, samples and checkpoints is left out."""

    def start(self) -> None:
        self._tokens = self._places = 0
        self._seconds = self._waited = self._total_seconds = 0.0
        self._total_steps = 0
        self._mark = self._batch_ended = time.perf_counter()

    def batch_starts(self) -> None:
        self._waited += time.perf_counter() - self._batch_ended

    def batch_ends(self, tokens: int, places: int) -> None:
        """Args: places: what the batch has room for, padding included."""
        self._tokens += tokens
        self._places += places
        self._batch_ended = time.perf_counter()

    def step_ends(self) -> None:
        self._total_steps += 1

    @contextmanager
    def paused(self) -> Generator[None]:
        """Around what follows a step and does not count as training."""
        self._settle()
        yield
        self._mark = self._batch_ended = time.perf_counter()

    def _settle(self) -> None:
        now = time.perf_counter()
        self._seconds += now - self._mark
        self._total_seconds += now - self._mark
        self._mark = now

    def take(self) -> tuple[float, float, float]:
        """(tokens per second, share of the time spent waiting for data, share of padding) since the last call."""
        self._settle()
        rate, waiting = self._tokens / self._seconds, self._waited / self._seconds
        padding = 1 - self._tokens / max(self._places, 1)
        self._tokens, self._places, self._seconds, self._waited = 0, 0, 0.0, 0.0
        return rate, waiting, padding

    def seconds_left(self, steps: int) -> float:
        """How long so many steps take, as those since the start did."""
        seconds = self._total_seconds + time.perf_counter() - self._mark
        return steps * seconds / max(self._total_steps, 1)
