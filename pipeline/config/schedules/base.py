"""What all schedules have in common: a linear warm-up, then a form of their own."""

from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.config.choices import Choice


class ScheduleConfig(Choice):
    """The learning rate over the steps, as a factor of its peak."""

    tag: ClassVar[str] = "name"

    warmup: Annotated[float, Field(ge=0)] = 0.02
    """Linear warm-up: below 1 a fraction of all steps, from 1 on a number of steps."""

    def warmup_steps(self, total_steps: int) -> int:
        steps = self.warmup * total_steps if self.warmup < 1 else self.warmup
        return min(round(steps), total_steps)

    def factor(self, step: int, total_steps: int) -> float:
        """Factor of the peak learning rate at optimizer step `step`, counted from 0.

        Warm-up rises linearly and reaches 1 at its last step.
        """
        warmup = self.warmup_steps(total_steps)
        if step < warmup:
            return (step + 1) / warmup
        return self.factor_after_warmup(step, warmup, total_steps)

    def factor_after_warmup(self, step: int, warmup: int, total_steps: int) -> float:
        """The schedule's own form, from step number `warmup` to the last, `total_steps` − 1."""
        raise NotImplementedError(f"{type(self).__name__} has no form after its warm-up")


def progress(step: int, start: int, total_steps: int) -> float:
    """How much of the way from step `start` to the last one is done, from 0 to 1."""
    done = (step - start) / max(1, total_steps - 1 - start)
    return min(max(done, 0.0), 1.0)
