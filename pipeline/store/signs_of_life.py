"""What the ranks at work in a stage's folder say that they are at, and when they last said so."""

import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.store.artifacts import RANKS

SILENT_AFTER = 60.0
"""Seconds without a sign of life from which on a stage is said to be silent; workers give one every few seconds."""


@dataclass(frozen=True)
class SignOfLife:
    """The last one of a rank."""

    said: str
    age: float
    """Seconds since then."""

    @property
    def is_fresh(self) -> bool:
        return self.age < SILENT_AFTER


def beat_file(folder: Path, rank: int) -> Path:
    """Written anew with each sign of life."""
    return folder / RANKS / f"rank-{rank}.beat"


def last_sign(folder: Path, rank: int = 0) -> SignOfLife | None:
    """None where the rank has given none."""
    beat = beat_file(folder, rank)
    try:
        return SignOfLife(beat.read_text(encoding="utf-8") or "at work", time.time() - beat.stat().st_mtime)
    except OSError:
        return None
