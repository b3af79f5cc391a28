"""Tables for spreadsheets: their settings."""

from typing import ClassVar, Literal

from pipeline.config.trackers.base import TrackingConfig


class CsvTracking(TrackingConfig):
    """A table of each stage's metrics in the run's folder, such as `csv/pretrain.csv`, a row per step."""

    implementation: ClassVar[str] = "pipeline.tracking.csv"

    backend: Literal["csv"] = "csv"
