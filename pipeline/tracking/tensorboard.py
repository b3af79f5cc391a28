"""`tracking=tensorboard`: event files of each stage in the run's folder."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.run import RunConfig
from pipeline.config.trackers.tensorboard import TensorBoardTracking
from pipeline.packages import check_packages
from pipeline.store.manifest import Tracking
from pipeline.tracking.tracker import TrackedStage, Tracker

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter


class TensorBoardTracker(Tracker):
    """Writes event files besides. A stage that starts again takes the steps that it repeats out of them."""

    def __init__(self, folder: Path, events: Path):
        super().__init__(folder)
        self._events = events
        self._opened: SummaryWriter | None = None

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        super().log(metrics, step)
        writer = self._writer(step)
        for name, value in metrics.items():
            writer.add_scalar(name, value, step)

    def table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None = None
    ) -> None:
        super().table(name, columns, rows, step)
        self._writer(step).add_text(name, _markdown(columns, rows), step)

    def image(self, name: str, png: bytes) -> None:
        import numpy as np
        from PIL import Image

        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self._writer(None).add_image(name, pixels, dataformats="HWC")

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        if summary:
            rows = [[name, value] for name, value in summary.items()]
            self._writer(None).add_text("summary", _markdown(["figure", "value"], rows))
        self.pause()

    def pause(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def identity(self) -> Tracking:
        return {"backend": "tensorboard"}

    def _writer(self, step: int | None) -> "SummaryWriter":
        """Opened with the first step that is logged, from which on TensorBoard forgets what an earlier start wrote."""
        if self._opened is None:
            from tensorboardX import SummaryWriter

            # A file of its own, even where two starts fall within a second, by which they are named.
            starts = len(list(self._events.glob("*")))
            self._opened = SummaryWriter(str(self._events), purge_step=step, filename_suffix=f".{starts}")
        return self._opened


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("|".join(["", *map(_cell, line), ""]) for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ⏎ ")


def check(config: TensorBoardTracking, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where the package that writes event files is not installed."""
    check_packages("tracking=tensorboard", ["tensorboardX"], "tensorboard")


def start(folder: Path, run: RunConfig, config: TensorBoardTracking, stage: TrackedStage) -> Tracker:
    # Another training of the run's is another line there.
    name = f"{stage.stage}-{stage.fingerprint[:8]}"
    return TensorBoardTracker(folder, run.folder / "tensorboard" / name)
