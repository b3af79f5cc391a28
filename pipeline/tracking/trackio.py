"""`tracking=trackio`: a run of Trackio for each stage, in a folder beside the runs."""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pipeline.config.run import RunConfig
from pipeline.config.trackers.trackio import TrackioTracking
from pipeline.packages import check_packages
from pipeline.redaction import redacted, secret_values
from pipeline.store.manifest import Tracking
from pipeline.tracking.outside import OutsideTracker
from pipeline.tracking.tracker import TrackedStage, Tracker


class TrackioTracker(OutsideTracker):
    """Sends to Trackio what the folder keeps. A stage that starts again continues its run, and does not send again the
    steps that it repeats: Trackio would keep both."""

    place = "Trackio"

    def __init__(self, folder: Path, run: RunConfig, tracking: TrackioTracking, stage: TrackedStage):
        super().__init__(folder, stage.stage)
        self._sent = self.last_step()
        # Another training of the run's is another line there.
        self._name = f"{run.name}-{stage.stage}-{stage.fingerprint[:8]}"
        self.send(lambda: self._start(run, tracking, stage))

    def _start(self, run: RunConfig, tracking: TrackioTracking, stage: TrackedStage) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(Path(run.runs).resolve() / "trackio"))
        import trackio

        inputs = {"inputs": dict(stage.input_fingerprints), "fingerprint": stage.fingerprint}
        _quietly(
            lambda: trackio.init(
                project=tracking.project,
                name=self._name,
                group=tracking.group or run.name,
                config={**stage.config, **inputs},
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        super().log(metrics, step)
        if step > self._sent:
            self.send(lambda: self._module.log(dict(metrics), step=step))

    def table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None = None
    ) -> None:
        super().table(name, columns, rows, step)
        self.send(lambda: self._send_table(name, columns, rows, step))

    def _send_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None
    ) -> None:
        data = [[cell if isinstance(cell, (int, float)) else str(cell) for cell in row] for row in rows]
        self._module.log({name: self._module.Table(columns=list(columns), data=data)}, step=step)

    def image(self, name: str, png: bytes) -> None:
        self.send(lambda: self._send_image(name, png))

    def _send_image(self, name: str, png: bytes) -> None:
        from PIL import Image

        self._module.log({name: self._module.Image(Image.open(io.BytesIO(png)))})

    def alert(self, title: str, text: str) -> None:
        told = redacted(text, secret_values(os.environ))
        self.send(lambda: _quietly(lambda: self._module.alert(title, told)))

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        figures = {f"summary/{name}": x for name, x in summary.items() if isinstance(x, (int, float))}
        if figures:
            self.send(lambda: self._module.log(figures))
        self.pause()

    def pause(self) -> None:
        self.send(lambda: _quietly(self._module.finish))

    def identity(self) -> Tracking:
        return super().identity() if self.lost else {"backend": "trackio", "id": self._name}

    @property
    def _module(self) -> Any:
        import trackio

        return trackio


def _quietly(action: Callable[[], object]) -> None:
    """Without what Trackio prints into the stage's log."""
    with redirect_stdout(io.StringIO()):
        action()


def check(config: TrackioTracking, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where Trackio is not installed."""
    check_packages("tracking=trackio", ["trackio"], "trackio")


def start(folder: Path, run: RunConfig, config: TrackioTracking, stage: TrackedStage) -> Tracker:
    return TrackioTracker(folder, run, config, stage)
