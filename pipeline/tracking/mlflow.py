"""`tracking=mlflow`: a run of MLflow for each stage, in a database beside the runs or on a server."""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipeline.config.run import RunConfig
from pipeline.config.trackers.mlflow import MlflowTracking
from pipeline.packages import check_packages
from pipeline.redaction import redacted, secret_values
from pipeline.store.manifest import Tracking
from pipeline.tracking.markdown import markdown_table
from pipeline.tracking.outside import OutsideTracker, pages
from pipeline.tracking.tracker import TrackedStage, Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN_ID_FILE = "mlflow_run_id"
AT_ONCE = 100
"""Settings that MLflow takes in one call."""


class MlflowTracker(OutsideTracker):
    """Sends to MLflow what the folder keeps. A stage that starts again continues its run, and does not send again the
    steps that it repeats: MLflow would keep both."""

    place = "MLflow"

    def __init__(self, folder: Path, run: RunConfig, tracking: MlflowTracking, stage: TrackedStage):
        super().__init__(folder, stage.stage)
        self._sent = self.last_step()
        self._client: MlflowClient
        self._id = ""
        self.send(lambda: self._start(folder, run, tracking, stage))

    def _start(self, folder: Path, run: RunConfig, tracking: MlflowTracking, stage: TrackedStage) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        from mlflow import MlflowClient

        place = Path(run.runs).resolve()
        place.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(tracking.uri or f"sqlite:///{place / 'mlflow.db'}")
        id_file = folder / RUN_ID_FILE
        if id_file.exists():
            self._id = id_file.read_text(encoding="utf-8")
            self._client.update_run(self._id, status="RUNNING")
            return
        files = None if tracking.uri else (place / "mlflow").as_uri()
        known = self._client.get_experiment_by_name(tracking.experiment)
        experiment = (
            known.experiment_id if known else self._client.create_experiment(tracking.experiment, files)
        )
        tags = {"group": tracking.group or run.name, "stage": stage.stage, "fingerprint": stage.fingerprint}
        tags |= {f"input.{name}": value for name, value in stage.input_fingerprints.items()}
        made = self._client.create_run(experiment, tags=tags, run_name=f"{run.name}-{stage.stage}")
        self._id = made.info.run_id
        id_file.write_text(self._id, encoding="utf-8")
        self._send_settings(stage.config)

    def _send_settings(self, config: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)[:500]) for name, value in _leaves(config)]
        for start in range(0, len(params), AT_ONCE):
            self._client.log_batch(self._id, params=params[start : start + AT_ONCE])

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        super().log(metrics, step)
        if step > self._sent:
            self.send(lambda: self._send_metrics(metrics, step))

    def _send_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = round(1000 * time.time())
        found = [Metric(name, float(value), now, step) for name, value in metrics.items()]
        self._client.log_batch(self._id, metrics=found)

    def table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None = None
    ) -> None:
        super().table(name, columns, rows, step)
        file = f"{name}.md" if step is None else f"{name}/step-{step}.md"
        self.send(lambda: self._client.log_text(self._id, markdown_table(columns, rows), file))

    def image(self, name: str, png: bytes) -> None:
        self.send(lambda: self._send_image(name, png))

    def _send_image(self, name: str, png: bytes) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{name.replace('/', '_')}.png"
            path.write_bytes(png)
            self._client.log_artifact(self._id, str(path))

    def alert(self, title: str, text: str) -> None:
        told = redacted(f"{title}: {text}", secret_values(os.environ))
        self.send(lambda: self._client.set_tag(self._id, "alert", told[:500]))

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        figures = {f"summary/{name}": x for name, x in summary.items() if isinstance(x, (int, float))}
        if figures:
            self.send(lambda: self._send_metrics(figures, 0))
        for path in pages(artifact) if artifact is not None else ():
            self.send(lambda path=path: self._client.log_artifact(self._id, str(path)))
        self._end("FAILED" if artifact is None else "FINISHED")

    def pause(self) -> None:
        self._end("SCHEDULED")

    def _end(self, status: str) -> None:
        self.send(lambda: self._client.set_terminated(self._id, status))

    def identity(self) -> Tracking:
        return super().identity() if self.lost else {"backend": "mlflow", "id": self._id}


def _leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The settings by their keys, as they are typed."""
    for name, value in tree.items():
        key = f"{path}.{name}" if path else name
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, key)
        else:
            yield key, value


def check(config: MlflowTracking, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where MLflow, or what its database needs, is not installed."""
    check_packages("tracking=mlflow", ["mlflow", "sqlalchemy", "alembic"], "mlflow")


def start(folder: Path, run: RunConfig, config: MlflowTracking, stage: TrackedStage) -> Tracker:
    return MlflowTracker(folder, run, config, stage)
