"""What all places that metrics go to have in common."""

from typing import ClassVar

from pipeline.config.choices import Choice


class TrackingConfig(Choice):
    """Experiment tracking. Metrics are always kept in the artifact too."""

    tag: ClassVar[str] = "backend"

    group: str | None = None
    """What the stages of a run have in common there; None takes the run's name, and a sweep its own."""
