"""`tracking=csv`: a stage's metrics as a table in the run's folder."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.run import RunConfig
from pipeline.config.trackers.csv import CsvTracking
from pipeline.store.manifest import Tracking
from pipeline.tracking.outside import OutsideTracker
from pipeline.tracking.tracker import TrackedStage, Tracker, read_metrics


class CsvTracker(OutsideTracker):
    """Writes the table whenever the stage ends, finished or not."""

    place = "The table of metrics"

    def __init__(self, folder: Path, table: Path, stage: str):
        super().__init__(folder, stage)
        self._kept, self._table = folder, table

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        self.send(lambda: self._write(artifact or self._kept))

    def pause(self) -> None:
        self.send(lambda: self._write(self._kept))

    def identity(self) -> Tracking:
        return {"backend": "csv"}

    def _write(self, folder: Path) -> None:
        if not (rows := read_metrics(folder)):
            return  # as of stages that log nothing over time
        columns = dict.fromkeys(["step", "time", *(name for row in rows for name in row)])
        self._table.parent.mkdir(parents=True, exist_ok=True)
        with self._table.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(rows)


def check(config: CsvTracking, environment: Mapping[str, str]) -> None:
    """Nothing can be missing."""


def start(folder: Path, run: RunConfig, config: CsvTracking, stage: TrackedStage) -> Tracker:
    return CsvTracker(folder, run.folder / "csv" / f"{stage.stage}.csv", stage.stage)
