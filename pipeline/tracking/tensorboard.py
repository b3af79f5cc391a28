"""`tracking=tensorboard`: event files of each stage in the run's folder."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.run import RunConfig
from pipeline.config.trackers.tensorboard import TensorBoardTracking
from pipeline.packages import check_packages
from pipeline.store.manifest import Tracking
from pipeline.tracking.markdown import markdown_table
from pipeline.tracking.outside import OutsideTracker
from pipeline.tracking.tracker import TrackedStage, Tracker

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter


class TensorBoardTracker(OutsideTracker):
    """Writes event files besides. A stage that starts again takes the steps that it repeats out of them."""

    place = "TensorBoard"

    def __init__(self, folder: Path, events: Path, stage: str):
        super().__init__(folder, stage)
        self._events = events
        self._opened: SummaryWriter | None = None

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        super().log(metrics, step)
        self.send(lambda: self._add_scalars(metrics, step))

    def table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None = None
    ) -> None:
        super().table(name, columns, rows, step)
        self.send(lambda: self._writer(step).add_text(name, markdown_table(columns, rows), step))

    def image(self, name: str, png: bytes) -> None:
        self.send(lambda: self._add_image(name, png))

    def _add_scalars(self, metrics: Mapping[str, float], step: int) -> None:
        writer = self._writer(step)
        for name, value in metrics.items():
            writer.add_scalar(name, value, step)

    def _add_image(self, name: str, png: bytes) -> None:
        import numpy as np
        from PIL import Image

        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self._writer(None).add_image(name, pixels, dataformats="HWC")

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        if summary:
            rows = [[name, value] for name, value in summary.items()]
            self.send(
                lambda: self._writer(None).add_text("summary", markdown_table(["figure", "value"], rows))
            )
        self.pause()

    def pause(self) -> None:
        if (opened := self._opened) is not None:
            self.send(opened.close)

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


def check(config: TensorBoardTracking, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where the package that writes event files is not installed."""
    check_packages("tracking=tensorboard", ["tensorboardX"], "tensorboard")


def start(folder: Path, run: RunConfig, config: TensorBoardTracking, stage: TrackedStage) -> Tracker:
    # Another training of the run's is another line there.
    name = f"{stage.stage}-{stage.fingerprint[:8]}"
    return TensorBoardTracker(folder, run.folder / "tensorboard" / name, stage.stage)
