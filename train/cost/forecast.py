"""How long a training will take, and what that costs: with the assumptions it rests on."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.config.run import CostConfig
from pipeline.data_sheets import DataSheet, data_sheet, known_gpus
from pipeline.text.counts import counted
from train.cost.earlier_runs import Device, EarlierRun, closest, this_device

ASSUMED_MFU = 0.4
"""Of a GPU's peak that a tuned training of a model of some size reaches; PaLM reports 46% (Chowdhery et al., 2022)."""
MOST_NAMES = 3
"""Of earlier runs, that are told."""


class Work(NamedTuple):
    """What is to be done, and on what."""

    flops: float
    flops_per_token: float
    devices: int
    """GPUs, or machines where they are not used."""
    on_gpu: bool
    precision: str


class Assumed(NamedTuple):
    """A figure, and where it is from, in words."""

    value: float
    basis: str


@dataclass(frozen=True)
class CostForecast:
    """Of the steps alone: validation, checkpoints and the start come on top."""

    hours: float
    devices: int
    on_gpu: bool
    price: float | None
    speed: str
    """The assumption behind the hours."""
    power: Assumed | None
    """Watts of one device; None where nobody knows."""

    @property
    def device_hours(self) -> float:
        return self.hours * self.devices

    def metrics(self) -> dict[str, float | str | None]:
        """What the manifest says of it."""
        found: dict[str, float | str | None] = {
            "forecast_hours": self.hours,
            "forecast_device_hours": self.device_hours,
        }
        if self.price is not None:
            found["forecast_money"] = self.device_hours * self.price
        if self.power is not None:
            found["forecast_kwh"] = kilowatt_hours(self.device_hours, self.power.value)
        return {**found, "forecast_basis": self.speed}

    def facts(self) -> dict[str, str]:
        """What `dryrun=true` shows of it."""
        device = "GPU" if self.on_gpu else "machine"
        money = (
            f"to see what that costs, set run.cost.price to the price of one {device} for an hour"
            if self.price is None
            else f"at {self.price:g} an hour: {self.device_hours * self.price:,.2f}"
        )
        energy = (
            "not known: nothing has measured it here; give run.cost.watts"
            if self.power is None
            else f"{kilowatt_hours(self.device_hours, self.power.value):,.3g} kWh, {self.power.basis}"
        )
        return {
            "time": f"{in_words(self.hours)} of steps; validation, checkpoints and the start come on top",
            "speed": self.speed,
            f"{device}-hours": f"{self.device_hours:,.3g}; {money}",
            "energy": energy,
        }


def forecast_cost(
    work: Work, earlier: Sequence[EarlierRun], settings: CostConfig, here: Device | None
) -> CostForecast | str:
    """The forecast, or why there is none.

    Args:
        earlier: trainings of the same store, as `earlier_runs` gives them.
        here: the device of this machine; None where it has none of the kind.
    """
    device = Device(settings.device, True) if settings.device and work.on_gpu else here
    if device is None:
        return f"no GPU is visible here; name the one it will run on: run.cost.device=H100 ({', '.join(known_gpus())})"
    sheet = data_sheet(device.name) if work.on_gpu else None
    alike = [
        run
        for run in earlier
        if (run.device.on_gpu, run.precision) == (work.on_gpu, work.precision) and _same(run, device, sheet)
    ]
    runs = closest(alike, work.flops_per_token)
    if runs:
        speed = _speed_of(runs, work, device, sheet)
    elif sheet:
        speed = Assumed(
            ASSUMED_MFU * sheet.peak,
            f"assumes {ASSUMED_MFU:.0%} of the {sheet.peak / 1e12:,.0f} TFLOP/s on {sheet.name}'s data sheet: this "
            f"store has no earlier run on one in {work.precision}",
        )
    else:
        return (
            f"no run in this store has trained on {device.name} in {work.precision} yet, and its peak is not known; a "
            "short one tells (trainer.steps=20 run.name=speed)"
        )
    return CostForecast(
        work.flops / speed.value / work.devices / 3600,
        work.devices,
        work.on_gpu,
        settings.price,
        speed.basis,
        _power(runs, settings, sheet, work.on_gpu),
    )


def _same(run: EarlierRun, device: Device, sheet: DataSheet | None) -> bool:
    return run.device == device or (sheet is not None and data_sheet(run.device.name) == sheet)


def _speed_of(runs: Sequence[EarlierRun], work: Work, device: Device, sheet: DataSheet | None) -> Assumed:
    value = statistics.median(run.flops_per_second for run in runs)
    names = list(dict.fromkeys(run.name for run in runs))
    sizes = [run.flops_per_token / work.flops_per_token for run in runs]
    share = f", {value / sheet.peak:.0%} of its peak" if sheet else ""
    smallest, largest = f"{min(sizes):.2g}", f"{max(sizes):.2g}"
    times = smallest if smallest == largest else f"{smallest} to {largest}"
    as_many = "as many" if times == "1" else f"{times} times the"
    return Assumed(
        value,
        f"{value / 1e12:,.3g} TFLOP/s on {device.name}{share}, as {counted(len(runs), 'earlier run')} of "
        f"{runs[0].stage} had "
        f"({_some(names)}), of models that take {as_many} FLOPs per token",
    )


def _some(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _power(
    runs: Sequence[EarlierRun], settings: CostConfig, sheet: DataSheet | None, on_gpu: bool
) -> Assumed | None:
    """Watts of a device: as set, as measured, or as its data sheet has it."""
    unit = "GPU" if on_gpu else "machine"
    if settings.watts is not None:
        return Assumed(settings.watts, f"at {settings.watts:g} W per {unit} (run.cost.watts)")
    if measured := [run.watts for run in runs if run.watts]:
        watts = statistics.median(measured)
        return Assumed(watts, f"at {watts:,.0f} W per {unit}, as earlier runs measured")
    if sheet:
        return Assumed(
            sheet.watts, f"at {sheet.watts:g} W, the most of {sheet.name}; its host and cooling take more"
        )
    return None


def cost_facts(work: Work, earlier: Sequence[EarlierRun], settings: CostConfig) -> dict[str, str]:
    """What `dryrun=true` shows of a training's time, money and energy, on this machine's device or the one that is
    named.

    Args:
        earlier: as of `forecast_cost`.
    """
    found = forecast_cost(work, earlier, settings, this_device(work.on_gpu))
    facts = unknown_cost(found, settings) if isinstance(found, str) else found.facts()
    return facts | ({"device": words} if (words := unheeded_device(settings, work.on_gpu)) else {})


def unknown_cost(why: str, settings: CostConfig) -> dict[str, str]:
    """What `dryrun=true` shows where nobody can say how long a training takes.

    Args:
        why: in words.
    """
    later = "" if settings.price is None else "; at run.cost.price the steps are counted when they are done"
    return {"time": f"not known: {why}{later}"}


def unheeded_device(settings: CostConfig, on_gpu: bool) -> str:
    """That a GPU was named for a training that uses none; empty where that is not so."""
    if settings.device is None or on_gpu:
        return ""
    return f"run.cost.device={settings.device} is not heeded: this trains on the CPU"


def kilowatt_hours(device_hours: float, watts: float) -> float:
    return device_hours * watts / 1000


def in_words(hours: float) -> str:
    """A time of which two figures count."""
    if hours < 1 / 60:
        return f"{hours * 3600:.2g} seconds"
    if hours < 1:
        return f"{hours * 60:.2g} minutes"
    return f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"
