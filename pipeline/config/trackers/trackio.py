"""Trackio: its settings."""

from typing import ClassVar, Literal

from pipeline.config.trackers.base import TrackingConfig


class TrackioTracking(TrackingConfig):
    """Trackio of Hugging Face, on this machine; `TRACKIO_DIR=runs/trackio trackio show` shows it."""

    implementation: ClassVar[str] = "pipeline.tracking.trackio"

    backend: Literal["trackio"] = "trackio"
    project: str = "lm-workflow"
