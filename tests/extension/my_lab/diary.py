"""The settings of a place that metrics go to."""

from typing import ClassVar, Literal

from pipeline.config.trackers import TrackingConfig


class DiaryTracking(TrackingConfig):
    """A line for each stage that ends, in a file of the run."""

    implementation: ClassVar[str] = "my_lab.diary_tracker"

    backend: Literal["diary"] = "diary"
    file: str = "diary.txt"
