"""Metrics, tables and lineage of a stage: always kept in its folder, and sent to Weights & Biases."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import UserError
from pipeline.store.manifest import Tracking
from pipeline.text.json_faults import json_fault

METRICS_FILE = "metrics.jsonl"
TABLES_FOLDER = "tables"


class TrackedStage(NamedTuple):
    """What W&B is told of a stage besides its metrics."""

    stage: str
    fingerprint: str
    config: Mapping[str, Any]
    input_fingerprints: Mapping[str, str]


class Tracker:
    """Keeps a stage's metrics and tables as JSON lines in its folder. Ranks above 0 keep nothing."""

    def __init__(self, folder: Path | None):
        """Args: folder: the stage's output folder; None for a rank that must stay silent."""
        self._folder = folder
        if folder is not None:  # what a killed attempt left
            for path in (folder / METRICS_FILE, *(folder / TABLES_FOLDER).glob("*.jsonl")):
                _drop_cut_line(path)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Metrics of one step. A step logged again (after a resume) replaces the earlier line for readers."""
        if self._folder is not None:
            _append(self._folder / METRICS_FILE, {"step": step, "time": time.time(), **metrics})

    def table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None = None
    ) -> None:
        """Rows for a person to read, such as sample texts."""
        self.keep(name, columns, rows, step)

    def keep(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None = None
    ) -> None:
        """The same in the folder alone: of what is too much to be sent anywhere."""
        if self._folder is None:
            return
        (self._folder / TABLES_FOLDER).mkdir(exist_ok=True)
        for row in rows:
            _append(
                self._folder / TABLES_FOLDER / f"{name}.jsonl",
                ({} if step is None else {"step": step}) | dict(zip(columns, row, strict=True)),
            )

    def last_step(self) -> int:
        """The last one that was logged, before this start too; -1 where none was."""
        rows = read_metrics(self._folder) if self._folder is not None else []
        return int(rows[-1]["step"]) if rows else -1

    def image(self, name: str, png: bytes) -> None:
        """A picture. The folder keeps none: whoever draws it has a place for it there."""

    def alert(self, title: str, text: str) -> None:
        """Something that a person who is elsewhere should know of. The log has it, too."""

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        """The stage's final metrics and its finished folder (None where it failed)."""

    def pause(self) -> None:
        """The stage ends for now, and will be continued under the same identity."""

    def identity(self) -> Tracking:
        """What the manifest says of where the metrics went."""
        return {"backend": "none"}


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The logged metrics by step, each with its `step` and `time`; of a step logged twice, the later values."""
    by_step: dict[int, dict[str, float]] = {}
    for row in read_jsonl(folder / METRICS_FILE):
        by_step.setdefault(row["step"], {}).update(row)
    return [by_step[step] for step in sorted(by_step)]


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON lines file; none where it is absent. A last line cut by a kill is left out.

    Raises:
        UserError: where another line is damaged.
    """
    if not path.is_file():
        return []
    rows = []
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            if line.endswith("\n"):
                try:
                    rows.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise UserError(
                        f"{path}, line {number} is damaged ({json_fault(error)}); delete its artifact's folder and "
                        "start again"
                    ) from None
    return rows


def _drop_cut_line(path: Path) -> None:
    """Take off a last line that a kill cut, so that the next one starts on a line of its own."""
    if path.is_file() and not (written := path.read_bytes()).endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(written.rfind(b"\n") + 1)


def _append(path: Path, row: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
