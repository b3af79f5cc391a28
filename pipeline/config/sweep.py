"""Several runs that differ in some keys."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.config.base import Section
from pipeline.config.run import NAME

MetricName = Annotated[str, Field(pattern=r"^[a-z]+\.\S+$")]


class SweepConfig(Section):
    """Several runs that differ in some keys, started with `--multirun` (see docs/sweeps.md)."""

    name: Annotated[str | None, Field(pattern=rf"^{NAME}$")] = None
    """Folder below `<run.runs>/sweeps`, W&B group and beginning of the runs' names; None takes `<run.name>-<sweep>`;
    without an option of sweep=… the folder is `<run.name>-<keys>`, and `<run.name>` the beginning."""
    objective: MetricName = "pretrain.validation_loss"
    """What the runs are compared by, `<stage>.<metric>`: any number among a stage's metrics."""
    direction: Literal["minimize", "maximize"] = "minimize"
    compare: str | None = None
    """The swept group or key whose values are systems to be set beside each other, such as `variant`: the page shows
    what each was trained with, and its score in each test, which the other swept keys are."""
    refused: Literal["stop", "leave_out"] = "stop"
    """What to do where the configuration of some jobs is refused. `stop`: none is started. `leave_out`: the others are,
    and the page gives the reason in the place of a result."""
    parallel: PositiveInt = 1
    """Runs at the same time. On one machine they share its processors; the visible GPUs are divided among them."""
    fit: list[MetricName] = []
    """Metrics against which the report fits the objective as a power law, such as `pretrain.parameters`."""
