"""The jobs of a sweep, and the file in which their outcomes are kept."""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.redaction import redacted_overrides
from pipeline.tracking.tracker import read_jsonl

JOBS_FILE = "jobs.jsonl"
NAME_CHARS = 80
SHORT = 7
"""Longer numbers are rounded in a run's name."""


@dataclass
class Job:
    """One run of a sweep."""

    swept: dict[str, str]
    """The keys that the sweep sets, with the values of this job as on the command line."""
    run: str
    """Name of its run."""
    overrides: list[str] = field(default_factory=list)
    """All of its command line, but for what the sweep adds."""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """Of its artifacts by stage, the last one being what the sweep brings up to date."""
    state: str = "waiting"
    """`waiting`, `running`, `finished`, `failed` or `interrupted`; `refused` where its configuration is, and the sweep
    goes on without."""
    objective: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    """What the report fits the objective against."""
    seconds: float | None = None
    error: str | None = None
    """What went wrong: the last lines of its log."""
    log: str | None = None
    reused: bool = False
    """Whether it was finished before this start of the sweep."""

    @property
    def fingerprint(self) -> str | None:
        """Of the last stage: changes with whatever can change the result."""
        return list(self.fingerprints.values())[-1] if self.fingerprints else None

    @property
    def reached(self) -> float:
        """The objective of a job that has finished."""
        if self.objective is None:
            raise ValueError(f"{self.title} has no objective")
        return self.objective

    def is_same(self, other: "Job") -> bool:
        return (self.swept, self.fingerprint) == (other.swept, other.fingerprint)

    @property
    def title(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.swept.items()) or self.run


class JobRecord:
    """JSON lines: one per job and change of its state; of each job the last one counts."""

    def __init__(self, folder: Path):
        self._path = folder / JOBS_FILE

    def append(self, job: Job) -> None:
        row = {key: value for key, value in asdict(job).items() if key != "reused"}
        row["overrides"] = redacted_overrides(job.overrides)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def read(self) -> list[Job]:
        """Each job as it was left, in the order of their last changes."""
        latest: dict[tuple[str, str | None], Job] = {}
        for row in read_jsonl(self._path):
            job = Job(**row)
            key = (job.title, job.fingerprint)
            latest.pop(key, None)
            latest[key] = job
        return list(latest.values())


def run_name(sweep: str, swept: Mapping[str, str], taken: Collection[str]) -> str:
    """`<sweep>-lr_0.001-weight_decay_0.1`, with a number behind it where that is taken."""
    words = zip(_words(list(swept)), swept.values(), strict=True)
    parts = [sweep, *(f"{word}_{_short(value)}" for word, value in words)]
    name = "-".join(parts)[: len(sweep) + NAME_CHARS].rstrip("-_.")
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(n for n in numbered if n not in taken)


def sweep_name(run: str, keys: Sequence[str]) -> str:
    """`<run>-lr-weight_decay`: of a sweep of these keys that no file has a name for."""
    return "-".join([run, *_words(keys)])[: len(run) + NAME_CHARS].rstrip("-_.")


def _words(keys: Sequence[str]) -> list[str]:
    """What names call swept keys: by their last parts, where these differ."""
    leaves = [key.rsplit(".", 1)[-1] for key in keys]
    words = [leaf if leaves.count(leaf) == 1 else key for leaf, key in zip(leaves, keys, strict=True)]
    return [re.sub(r"[^A-Za-z0-9-]+", "_", word) for word in words]


def _short(value: str) -> str:
    number = as_number(value)
    if number is not None and len(value) > SHORT:
        value = f"{number:.4g}"
    return re.sub(r"[^A-Za-z0-9.-]+", "_", value).strip("_.") or "empty"


def as_number(value: Any) -> float | None:
    """The finite number that a value on the command line stands for; None where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
