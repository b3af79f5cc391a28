"""Metrics and tables: into the artifact always, to Weights & Biases as well."""

from pathlib import Path

from pipeline.config.run import RunConfig, TrackingConfig
from pipeline.tracking.tracker import TrackedStage, Tracker
from pipeline.tracking.wandb import WandbTracker


def open_tracker(
    tracking: TrackingConfig, run: RunConfig, stage: TrackedStage, folder: Path, rank: int
) -> Tracker:
    """The tracker of one worker. Only rank 0 writes."""
    if rank > 0:
        return Tracker(None)
    if tracking.backend == "none":
        return Tracker(folder)
    return WandbTracker(folder, run, tracking, stage)
