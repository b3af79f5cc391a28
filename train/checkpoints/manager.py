"""Training checkpoints: written in the background, complete or absent, the last few and the best kept."""

import logging
import shutil
import time
from collections import ChainMap
from dataclasses import replace
from pathlib import Path

import torch
from pytorch_lightning.strategies import Strategy

from pipeline.errors import UserError
from pipeline.formats.checkpoints import (
    FOLDER,
    META,
    WRITING,
    Checkpoint,
    GuardMemory,
    MonitorMemory,
    best_checkpoint,
    checkpoint_folder,
    complete,
    list_checkpoints,
    rank_file,
    unreadable_checkpoints,
)
from train.checkpoints.files import Reader, Writer
from train.checkpoints.piece_index import PieceIndex
from train.checkpoints.replicas import fill_replicas
from train.checkpoints.tensor_file import Stored, read_header
from train.checkpoints.training_state import TrainingState
from train.strategies.strategy import TrainingStrategy

log = logging.getLogger(__name__)

SEEN_WITHIN = 120
"""Seconds; NFS remembers what a folder holds for one minute by default."""


class Checkpoints:
    """The checkpoints of one training run. Every method is called by all ranks together.

    Each rank copies its part of the training state to host memory and writes it from there while training goes on.
    The folder gets its final name when the ranks have agreed, between two steps, that all of it is on disk.
    """

    def __init__(
        self, artifact: Path, keep_last: int, keep_every: int, strategy: TrainingStrategy, name: str
    ):
        """Args:
        keep_last, keep_every: as in the section `trainer`.
        name: the strategy's, for people to read.
        """
        self._artifact, self._strategy, self._name = artifact, strategy, name
        self._keep_last, self._keep_every = keep_last, keep_every
        self._writer = Writer()
        self._pending: Checkpoint | None = None
        self._index: PieceIndex | None = None
        """Of the checkpoint that was found to go on from."""
        self._started = 0.0
        self._folder_error: OSError | None = None
        self.last_step = -1
        """Step of the newest checkpoint that is complete or being written."""
        self.seconds_stopped = 0.0
        """How long training has stood still for checkpoints."""

    def newest_intact(self) -> Checkpoint | None:
        """The newest checkpoint whose files are what was written. Damaged ones are named, and passed over.

        Rank 0 says which there are, so that none starts elsewhere than the others, and the ranks share the reading.
        """
        for checkpoint in self._strategy.broadcast(self._found()):
            self._wait_for(checkpoint)
            self._index = self._check(checkpoint)
            if self._index is not None:
                return checkpoint
        return None

    def _found(self) -> list[Checkpoint]:
        """On rank 0, all that are complete, the newest first."""
        if not self._strategy.is_global_zero:
            return []
        for left in (self._artifact / FOLDER).glob(f"*{WRITING}"):  # by a start that was killed
            shutil.rmtree(left)
        for folder in unreadable_checkpoints(self._artifact):
            log.warning(
                "the checkpoint %s is damaged: its meta.json cannot be read; it does not count", folder
            )
        return list_checkpoints(self._artifact)[::-1]

    def _wait_for(self, checkpoint: Checkpoint) -> None:
        """A network file system may show to other machines a while later what rank 0 has found."""
        deadline = time.monotonic() + SEEN_WITHIN
        while not (checkpoint.folder / META).is_file():
            if time.monotonic() > deadline:
                raise UserError(
                    f"rank {self._strategy.global_rank} does not see {checkpoint.folder}, which rank 0 has found; "
                    "run.artifacts must be a folder that all machines share"
                )
            time.sleep(1)

    def _check(self, checkpoint: Checkpoint) -> PieceIndex | None:
        """Where its pieces lie, or None where it is damaged. Each rank reads its share of the files."""
        rank, ranks = self._strategy.global_rank, self._strategy.world_size
        damage: str | None = None
        headers: dict[int, dict[str, Stored]] = {}
        for number in range(rank, checkpoint.ranks, ranks):
            if damage := checkpoint.damage_of(number):
                break
            headers[number] = read_header(checkpoint.files[number])
        told = self._strategy.gather((damage, headers))
        index = None
        if damage := next((damage for damage, _ in told if damage), None):
            log.warning("the checkpoint %s is damaged: %s; going back", checkpoint.folder, damage)
        elif self._strategy.is_global_zero:
            index = PieceIndex(dict(ChainMap(*(headers for _, headers in told))))
        return self._strategy.broadcast(index)

    def load(self, checkpoint: Checkpoint, state: TrainingState) -> None:
        """Read this rank's pieces, whichever ranks and strategy wrote them.

        Raises:
            UserError: where another model or optimizer wrote them.
        """
        reader = Reader(checkpoint, self._index)
        if self._strategy.replicates and self._strategy.world_size > 1:
            fill_replicas(reader, state.held(), self._strategy)
        else:
            reader.fill(state.held())
        self._index = None
        state.was_read(checkpoint.optimizer_steps)
        self.last_step = checkpoint.step

    def save(
        self,
        state: TrainingState,
        *,
        step: int,
        tokens: int,
        validation_loss: float | None,
        train_loss: float | None,
        running: dict[str, tuple[float, float]],
        guard: GuardMemory,
        monitor: MonitorMemory,
    ) -> None:
        """Copy the state and begin to write it."""
        self.conclude()
        self._started = time.monotonic()
        folder = checkpoint_folder(self._artifact, step)
        writing = folder.with_name(folder.name + WRITING)
        rank, ranks = self._strategy.global_rank, self._strategy.world_size
        if self._strategy.is_global_zero:
            try:
                shutil.rmtree(writing, ignore_errors=True)
                shutil.rmtree(folder, ignore_errors=True)  # damaged, or of a time before a rollback
                writing.mkdir(parents=True)
            except OSError as error:
                self._folder_error = error
        self._strategy.barrier()
        self._pending = Checkpoint(
            folder=folder,
            step=step,
            tokens=tokens,
            validation_loss=validation_loss,
            train_loss=train_loss,
            strategy=self._name,
            ranks=ranks,
            seconds=0.0,
            optimizer_steps=state.steps(),
            running=running,
            guard=guard,
            monitor=monitor,
        )
        self._writer.start(state.owned(rank, ranks), writing / rank_file(rank))
        self.last_step = step
        self.seconds_stopped += time.monotonic() - self._started

    def after_step(self) -> None:
        """Give the checkpoint that was being written its name, if all ranks are done with it."""
        if self._pending is not None and not any_rank(self._strategy, self._writer.busy):
            self.conclude()

    def conclude(self) -> bool:
        """Wait until what is being written is complete, or has failed. Returns whether it is complete."""
        if (pending := self._pending) is None:
            return True
        started = time.monotonic()
        self._writer.wait()
        digests = self._strategy.gather(self._writer.digest)
        failed = None in digests
        if self._strategy.is_global_zero:
            writing = pending.folder.with_name(pending.folder.name + WRITING)
            error = self._folder_error or self._writer.error or "another rank could not write its part"
            if not failed:
                try:
                    seconds = round(time.monotonic() - self._started, 3)
                    hashes = {rank_file(rank): digest for rank, digest in enumerate(digests) if digest}
                    complete(replace(pending, seconds=seconds, hashes=hashes), writing)
                    self._prune()
                except OSError as refused:
                    failed, error = True, refused
            if failed:
                log.warning(
                    "the checkpoint of step %s could not be written: %s. Training goes on; the earlier ones are kept, "
                    "and the next one will be tried when it is due",
                    f"{pending.step:,}",
                    error,
                )
                shutil.rmtree(writing, ignore_errors=True)
        failed = self._strategy.broadcast(failed)
        self._pending = self._folder_error = None
        self.seconds_stopped += time.monotonic() - started
        return not failed

    def finish(self) -> None:
        """Conclude the last one.

        Raises:
            UserError: where it could not be written.
        """
        if not self.conclude():
            raise UserError(
                "the last checkpoint could not be written (the disk is full?); free some space and start again: "
                "training continues from the one before"
            )

    def _prune(self) -> None:
        checkpoints = list_checkpoints(self._artifact)
        best = best_checkpoint(checkpoints)
        for checkpoint in checkpoints[: -self._keep_last]:
            milestone = self._keep_every and checkpoint.step % self._keep_every == 0
            if checkpoint != best and not milestone:
                shutil.rmtree(checkpoint.folder, ignore_errors=True)


def drop_after(artifact: Path, step: int) -> None:
    """Remove the checkpoints later than `step`."""
    for checkpoint in list_checkpoints(artifact):
        if checkpoint.step > step:
            shutil.rmtree(checkpoint.folder)


def any_rank(strategy: Strategy, here: bool) -> bool:
    """Whether it holds on any rank; a collective operation."""
    flag = torch.tensor(float(here), device=strategy.root_device)
    return bool(strategy.reduce(flag, reduce_op="sum").item() > 0)
