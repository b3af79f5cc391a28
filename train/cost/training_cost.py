"""A training's cost: forecast when it starts, and measured when it is over."""

from dataclasses import dataclass

from pipeline.config.run import CostConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from train.cost.earlier_runs import earlier_runs, this_device
from train.cost.forecast import (
    CostForecast,
    Work,
    forecast_cost,
    in_words,
    kilowatt_hours,
    unheeded_device,
)

NOT_MEASURED = "not measured: this machine has no counter of energy that may be read (NVML, RAPL)"
MEASURED = "of rank 0's device, and taken for all"


def devices_of(trainer: TrainerConfig, on_gpu: bool) -> int:
    """GPUs, or machines where they are not used."""
    return trainer.ranks if on_gpu else trainer.nodes


def work_of(trainer: TrainerConfig, tokens: int, flops_per_token: float, on_gpu: bool) -> Work:
    """What is to be done."""
    devices = devices_of(trainer, on_gpu)
    return Work(tokens * flops_per_token, flops_per_token, devices, on_gpu, trainer.precision)


@dataclass(frozen=True)
class TrainingCost:
    """Of the steps of a training alone: validation, checkpoints and the start come on top."""

    settings: CostConfig
    devices: int
    forecast: CostForecast | None

    @classmethod
    def of(
        cls,
        trainer: TrainerConfig,
        tokens: int,
        flops_per_token: float | None,
        on_gpu: bool,
        context: Context,
    ) -> "TrainingCost":
        """Args: context: of a training that begins; the log tells how long it is expected to take."""
        settings, forecast = context.run.cost, None
        if context.rank == 0 and (words := unheeded_device(settings, on_gpu)):
            context.log.warning(words)
        if flops_per_token and tokens and context.rank == 0:
            work = work_of(trainer, tokens, flops_per_token, on_gpu)
            trainings = context.folder.parent
            earlier = earlier_runs(trainings.parent, trainings.name)
            found = forecast_cost(work, earlier, settings, this_device(on_gpu))
            if isinstance(found, CostForecast):
                context.log.info(f"expected: {in_words(found.hours)} of steps ({found.speed})")
                forecast = found
            elif settings.price is not None:
                context.log.info(f"what the steps cost is told when they are done; no forecast: {found}")
        return cls(settings, devices_of(trainer, on_gpu), forecast)

    def metrics(self, seconds: float | None, watts: float | None) -> dict[str, float | str | None]:
        """What the manifest says: the forecast, and what it came to.

        Args:
            seconds: that the steps took; None where there were none.
            watts: of one device, on average; None where nothing measures it.
        """
        if not seconds:
            return {}
        hours = seconds / 3600
        found: dict[str, float | str | None] = {"hours": hours, "device_hours": hours * self.devices}
        if self.settings.price is not None:
            found["money"] = hours * self.devices * self.settings.price
        if watts is not None:
            found |= {"watts": watts, "kwh": kilowatt_hours(hours * self.devices, watts)}
        found["energy"] = NOT_MEASURED if watts is None else MEASURED
        return found | (self.forecast.metrics() if self.forecast else {})
