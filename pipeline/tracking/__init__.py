"""Metrics and tables: into the artifact always, to Weights & Biases as well."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.run import RunConfig, TrackingConfig
from pipeline.tracking.tracker import Tracker
from pipeline.tracking.wandb import WandbTracker


def open_tracker(
    tracking: TrackingConfig, run: RunConfig, frozen: Mapping[str, Any], folder: Path, rank: int
) -> Tracker:
    """The tracker of one worker. `frozen` is the planner's stage.yaml; only rank 0 writes."""
    if rank > 0:
        return Tracker(None)
    if tracking.backend == "none":
        return Tracker(folder)
    return WandbTracker(folder, run, tracking, frozen)
