"""TensorBoard: its settings."""

from typing import ClassVar, Literal

from pipeline.config.trackers.base import TrackingConfig


class TensorBoardTracking(TrackingConfig):
    """TensorBoard's event files in the run's folder; `tensorboard --logdir runs` shows them."""

    implementation: ClassVar[str] = "pipeline.tracking.tensorboard"

    backend: Literal["tensorboard"] = "tensorboard"
