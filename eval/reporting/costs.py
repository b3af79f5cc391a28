"""What a training cost, beside what was forecast of it, for the report."""

from collections.abc import Mapping
from typing import NamedTuple

from eval.reporting.pages import duration, number
from pipeline.store.manifest import StageMetrics, figure, words

ROWS: Mapping[str, str] = {
    "hours": "time of steps",
    "device_hours": "device time, all devices together",
    "money": "money",
    "kwh": "kWh",
}


class CostRow(NamedTuple):
    """A figure in words; "–" where it was not forecast, or not measured."""

    name: str
    forecast: str
    measured: str


class Costs(NamedTuple):
    """Of one training."""

    rows: list[CostRow]
    notes: list[str]
    """What the forecast assumed, and how the energy was measured."""


def read_costs(metrics: StageMetrics) -> Costs | None:
    """None where the training says nothing of its cost."""
    figures = {name: (figure(metrics, f"forecast_{name}"), figure(metrics, name)) for name in ROWS}
    rows = [
        CostRow(ROWS[name], _shown(name, forecast), _shown(name, measured))
        for name, (forecast, measured) in figures.items()
        if forecast is not None or measured is not None
    ]
    if not rows:
        return None
    basis, energy = words(metrics, "forecast_basis"), words(metrics, "energy")
    said = [f"The forecast: {basis}." if basis else "", f"Energy: {energy}." if energy else ""]
    return Costs(rows, [note for note in said if note])


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return duration(3600 * value) if name.endswith("hours") else number(value)
