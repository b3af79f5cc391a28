"""Writes down which stages ended."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from my_lab.diary import DiaryTracking

from pipeline.config.run import RunConfig
from pipeline.tracking.tracker import TrackedStage, Tracker


class DiaryTracker(Tracker):
    def __init__(self, folder: Path, diary: Path, stage: str):
        super().__init__(folder)
        self._diary, self._stage = diary, stage

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        with self._diary.open("a") as file:
            file.write(f"{self._stage} {'failed' if artifact is None else 'finished'}\n")


def check(config: DiaryTracking, environment: Mapping[str, str]) -> None:
    """Nothing can be missing."""


def start(folder: Path, run: RunConfig, config: DiaryTracking, stage: TrackedStage) -> Tracker:
    return DiaryTracker(folder, run.folder / config.file, stage.stage)
