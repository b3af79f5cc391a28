"""MLflow: its settings."""

from typing import ClassVar, Literal

from pipeline.config.trackers.base import TrackingConfig


class MlflowTracking(TrackingConfig):
    """MLflow, in a database beside the runs; `mlflow ui --backend-store-uri sqlite:///runs/mlflow.db` shows it."""

    implementation: ClassVar[str] = "pipeline.tracking.mlflow"

    backend: Literal["mlflow"] = "mlflow"
    uri: str | None = None
    """A tracking server or a database; None is the file `mlflow.db` in the folder of runs, without any server."""
    experiment: str = "lm-workflow"
    """Of the server, made where it is not there."""
