"""Metrics and tables: into the artifact always, and to where the `tracking` section says besides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.config.run import RunConfig
from pipeline.config.trackers import TrackingConfig
from pipeline.tracking.tracker import TrackedStage, Tracker


class TrackingModule(Protocol):
    """A module of this folder, or of a plugin."""

    @staticmethod
    def check(config: Any, environment: Mapping[str, str]) -> None:
        """Look, before the first stage, whether it will work.

        Raises:
            UserError: where something is missing.
        """
        ...

    @staticmethod
    def start(folder: Path, run: RunConfig, config: Any, stage: TrackedStage) -> Tracker:
        """The tracker of a stage that begins, or is continued, in the folder."""
        ...


def check_tracking(tracking: TrackingConfig, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where what the section names cannot work."""
    tracking.load(TrackingModule).check(tracking, environment)


def open_tracker(
    tracking: TrackingConfig, run: RunConfig, stage: TrackedStage, folder: Path, rank: int
) -> Tracker:
    """The tracker of one worker. Only rank 0 writes."""
    if rank > 0:
        return Tracker(None)
    return tracking.load(TrackingModule).start(folder, run, tracking, stage)
