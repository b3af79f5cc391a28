"""`tracking=none`: a stage's folder alone."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.config.run import RunConfig
from pipeline.config.trackers.none import NoTracking
from pipeline.tracking.tracker import TrackedStage, Tracker


def check(config: NoTracking, environment: Mapping[str, str]) -> None:
    """Nothing can be missing."""


def start(folder: Path, run: RunConfig, config: NoTracking, stage: TrackedStage) -> Tracker:
    return Tracker(folder)
