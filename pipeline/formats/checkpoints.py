"""Training checkpoints on disk: which are there, whether they are whole.

A checkpoint is a folder `checkpoints/step-<number>` with one safetensors file per rank that wrote it, and `meta.json`,
which is written last: a folder without it, or with one that was changed, does not count. It has the sha256 of each
file, so that no file of another checkpoint can stand for one of this.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypedDict, cast

from pipeline.formats.direction import Better, badness
from pipeline.store import durable
from pipeline.store.file_hashes import hash_file
from pipeline.store.markers import NotDone, read_marker, write_marker

FOLDER = "checkpoints"
META = "meta.json"
WRITING = ".writing"


class GuardMemory(TypedDict, total=False):
    """What a checkpoint keeps of the loss guard, so that after a resume it judges as it would have."""

    losses: list[float]
    """Of the last steps that counted, in nats per token."""
    norms: list[float]
    """Of their gradients."""
    rejected: list[int]
    """The steps in a row that were outliers, up to the checkpoint's."""
    not_finite: int
    """How many of them in a row had a loss or a norm that is not finite."""
    high_norms: int
    """How many steps in a row, up to the checkpoint's, had a high norm and nothing else wrong with them."""


class MonitorMemory(TypedDict, total=False):
    """What a checkpoint keeps of `finetune.monitor`, so that after a resume training ends when it would have."""

    metric: str
    better: Better
    step: int
    """Of the last validation."""
    value: float | None
    """What it found; None where that is not finite."""
    best: float | None
    best_step: int
    stale: int
    """Validations since the best one."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint."""

    folder: Path
    step: int
    """Optimizer steps done."""
    tokens: int
    validation_loss: float | None
    train_loss: float | None
    strategy: str
    ranks: int
    """Processes that wrote it; it can be continued by any number."""
    seconds: float
    """From the beginning of its copy until it was complete."""
    optimizer_steps: int
    """Steps that changed the weights: those that the loss guard called off do not count."""
    running: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Of the losses and figures since the last logged step, sum and count, so that the next mean is of all of them."""
    guard: GuardMemory = field(default_factory=GuardMemory)
    hashes: dict[str, str] = field(default_factory=dict)
    """sha256 of each file, as its rank wrote it."""
    monitor: MonitorMemory = field(default_factory=MonitorMemory)
    """Empty where the loss alone is looked at."""

    @property
    def files(self) -> list[Path]:
        return [self.folder / rank_file(rank) for rank in range(self.ranks)]

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files if path.exists())

    def damage(self) -> str | None:
        """What is wrong with its files, or None. Reads all of them."""
        return next(filter(None, map(self.damage_of, range(self.ranks))), None)

    def damage_of(self, rank: int) -> str | None:
        """What is wrong with the file that a rank wrote, or None. Reads all of it."""
        path = self.folder / rank_file(rank)
        if not path.is_file():
            return f"{path.name} is missing"
        if hash_file(path) != self.hashes.get(path.name):
            return f"{path.name} is not what was written (its sha256 differs)"
        return None


def rank_file(rank: int) -> str:
    return f"rank-{rank:05d}.safetensors"


def checkpoint_folder(artifact: Path, step: int) -> Path:
    return artifact / FOLDER / f"step-{step:08d}"


def list_checkpoints(artifact: Path) -> list[Checkpoint]:
    """Complete checkpoints, oldest first. One that was being written when its job died does not count."""
    return [checkpoint for _, checkpoint in _read_all(artifact) if checkpoint is not None]


def best_checkpoint(checkpoints: Iterable[Checkpoint]) -> Checkpoint | None:
    """That of the best validation: by `finetune.monitor.metric` where one is looked at, else by the loss. None where no
    validation with a finite value came with a checkpoint."""
    validated = [checkpoint for checkpoint in checkpoints if math.isfinite(_badness(checkpoint))]
    return min(validated, key=_badness, default=None)


def _badness(checkpoint: Checkpoint) -> float:
    value, better = checkpoint.validation_loss, cast(Better, "lower")
    if monitor := checkpoint.monitor:
        value = monitor["value"] if monitor["step"] == checkpoint.step else None
        better = monitor["better"]
    return math.inf if value is None else badness(better, value)


def unreadable_checkpoints(artifact: Path) -> list[Path]:
    """Folders whose meta.json is damaged: they do not count as checkpoints."""
    return [folder for folder, checkpoint in _read_all(artifact) if checkpoint is None]


def _read_all(artifact: Path) -> Iterator[tuple[Path, Checkpoint | None]]:
    """Folders that were written to their end, oldest first; None where meta.json is damaged."""
    for folder in sorted((artifact / FOLDER).glob("step-*")):
        if folder.suffix != WRITING and (folder / META).is_file():
            try:
                checkpoint = Checkpoint(folder=folder, **read_marker(folder / META))
            except (NotDone, TypeError):
                checkpoint = None
            if checkpoint and folder != checkpoint_folder(artifact, checkpoint.step):
                checkpoint = None  # another one's, under this one's name
            yield folder, checkpoint


def complete(checkpoint: Checkpoint, writing: Path) -> None:
    """Turn a folder whose files are all on disk into the checkpoint: its meta.json, then one rename."""
    write_marker(
        writing / META, {name: value for name, value in asdict(checkpoint).items() if name != "folder"}
    )
    durable.publish_synced(writing, checkpoint.folder)


def written_hashes(artifact: Path) -> dict[str, str]:
    """sha256 of the files of an artifact's checkpoints, by their names within it: as their ranks took them while they
    wrote. What was touched since the checkpoint was complete is left out."""
    found: dict[str, str] = {}
    for checkpoint in list_checkpoints(artifact):
        completed = (checkpoint.folder / META).stat().st_mtime_ns
        for path in checkpoint.files:
            if path.is_file() and max(path.stat().st_mtime_ns, path.stat().st_ctime_ns) <= completed:
                found[str(path.relative_to(artifact))] = checkpoint.hashes[path.name]
    return found
