"""Training checkpoints: complete or absent, the last few and the best kept."""

import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pytorch_lightning as pl

from pipeline.store import write_json

FOLDER = "checkpoints"
STATE, META = "state.ckpt", "meta.json"
UNFINISHED = ".writing"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: the folder `step-<number>` with Lightning's or DeepSpeed's state in it."""

    folder: Path
    step: int
    tokens: int
    validation_loss: float | None
    strategy: str
    ranks: int

    @property
    def state(self) -> Path:
        return self.folder / STATE


def list_checkpoints(artifact: Path) -> list[Checkpoint]:
    """Complete checkpoints, oldest first. One that was being written when its job died does not count."""
    found = []
    for folder in sorted((artifact / FOLDER).glob("step-*")):
        if folder.suffix != UNFINISHED and (folder / META).is_file():
            found.append(Checkpoint(folder=folder, **json.loads((folder / META).read_text())))
    return found


class Checkpoints(pl.Callback):
    """Saves every so many steps and at the last one.

    A checkpoint is written beside its final name and renamed when every rank is done, so a reader never meets half
    of one.
    """

    def __init__(
        self, artifact: Path, every: int, keep_last: int, steps: int, strategy: str, tokens_per_step: int
    ):
        self._artifact, self._every, self._keep = artifact, every, keep_last
        self._steps, self._strategy, self._tokens_per_step = steps, strategy, tokens_per_step
        self._saved = -1
        self.validation_loss: float | None = None
        """Of the current step, where it was validated; set by the validation callback."""
        self.seconds = 0.0
        """Time spent saving."""

    def after_step(self, trainer: pl.Trainer, step: int) -> None:
        """Called by all ranks when an optimizer step is complete and validated."""
        due = step == self._steps or (self._every and step % self._every == 0)
        if due and step != self._saved:
            self._save(trainer, step)
        self.validation_loss = None

    def _save(self, trainer: pl.Trainer, step: int) -> None:
        started = time.monotonic()
        final = self._artifact / FOLDER / f"step-{step:08d}"
        writing = final.with_name(final.name + UNFINISHED)
        if trainer.is_global_zero:
            shutil.rmtree(writing, ignore_errors=True)
            shutil.rmtree(final, ignore_errors=True)
            writing.mkdir(parents=True)
        trainer.strategy.barrier()
        trainer.save_checkpoint(writing / STATE)
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            meta = Checkpoint(
                final,
                step,
                step * self._tokens_per_step,
                self.validation_loss,
                self._strategy,
                trainer.world_size,
            )
            write_json(writing / META, {k: v for k, v in asdict(meta).items() if k != "folder"})
            writing.rename(final)
            self._prune()
        trainer.strategy.barrier()
        self._saved = step
        self.seconds += time.monotonic() - started

    def _prune(self) -> None:
        checkpoints = list_checkpoints(self._artifact)
        validated = [c for c in checkpoints if c.validation_loss is not None]
        best = min(validated, key=lambda c: c.validation_loss, default=None)
        for checkpoint in checkpoints[: -self._keep]:
            if checkpoint != best:
                shutil.rmtree(checkpoint.folder)
        for left in (self._artifact / FOLDER).glob(f"*{UNFINISHED}"):
            shutil.rmtree(left, ignore_errors=True)
