"""Weights & Biases: its settings."""

from typing import ClassVar, Literal

from pipeline.config.trackers.base import TrackingConfig


class WandbTracking(TrackingConfig):
    """Weights & Biases; offline where there is no key."""

    implementation: ClassVar[str] = "pipeline.tracking.wandb"

    backend: Literal["wandb"] = "wandb"
    mode: Literal["auto", "online", "offline"] = "auto"
    """`auto`: online where a W&B key is found, else offline."""
    project: str = "lm-workflow"
    entity: str | None = None
    tags: list[str] = []
