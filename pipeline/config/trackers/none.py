"""No tracking outside of the artifacts."""

from typing import ClassVar, Literal

from pipeline.config.trackers.base import TrackingConfig


class NoTracking(TrackingConfig):
    """Metrics stay in the artifacts."""

    implementation: ClassVar[str] = "pipeline.tracking.none"

    backend: Literal["none"] = "none"
