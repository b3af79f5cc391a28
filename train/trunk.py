"""A run that goes further than one that is there starts from its checkpoints, where both have done the same so far.

Runs that differ only in how far they go (`HORIZON` in `pipeline/config/base.py`) share a trunk: as long as their
learning rates and the order of their data agree, step n leaves the same weights in both. So the longer one takes the
newest checkpoint of that time for its own, and ends bitwise as if it had started at step 1.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from pipeline.config.root import RootConfig
from pipeline.config.schedules import ScheduleConfig
from pipeline.config.stages import PretrainStage
from pipeline.context import Context
from pipeline.formats.checkpoints import WRITING, Checkpoint, checkpoint_folder, list_checkpoints
from pipeline.formats.shards import ShardIndex
from pipeline.known import Known
from pipeline.stages import STAGES
from pipeline.store import durable
from pipeline.store.artifacts import SPEC_FILE, write_json
from pipeline.store.written_spec import WrittenSpec
from pipeline.text.counts import counted
from pipeline.tracking.tracker import read_metrics
from train.checkpoints.teacher import flops_with_teacher
from train.data.mixture import Mixture
from train.data.order import Order
from train.data.steps import count_steps
from train.guards.loss_guard import SKIPPED_FILE
from train.models import flops_per_token
from train.models.sizes import model_sizes

TRUNK_FILE = "trunk.json"
"""Says in an artifact whose checkpoint it started from."""


@dataclass(frozen=True)
class Course:
    """What a run does at each of its steps, apart from what it has in common with all runs of its trunk."""

    schedule: ScheduleConfig
    steps: int
    order: Order
    global_batch: int

    @classmethod
    def of(
        cls, config: PretrainStage, mixture: Mixture, length: int, parameters: int, vocab_size: int
    ) -> Self:
        """That of a run with these settings.

        Args:
            length: tokens of a sequence.
            parameters, vocab_size: of the model.
        """
        targets = config.objective.target_length(length)
        student = flops_per_token(config.model, targets, vocab_size, length)
        flops = flops_with_teacher(student, config.pretrain.distill, "pretrain", length)
        steps = count_steps(config.trainer, mixture.epoch, length, parameters, flops)
        order = mixture.order(steps, config.trainer.global_batch, config.seed)
        return cls(config.schedule, steps, order, config.trainer.global_batch)

    def common_steps(self, other: "Course") -> int:
        """How many first steps are the same in both."""
        steps = self._steps_of_the_same_data(other)
        for step in range(steps):
            if not self._has_the_same_rate(other, step):
                return step
        return steps

    def differs_in(self, other: "Course") -> str:
        """What is another in the first step that is not the same in both, in words."""
        step = self.common_steps(other)
        if step == self._steps_of_the_same_data(other):
            return "the order of its data"
        return f"its learning rate (schedule={other.schedule.choice})"

    def _steps_of_the_same_data(self, other: "Course") -> int:
        steps, samples = min(self.steps, other.steps), self.order.common_samples(other.order)
        return steps if samples is None else min(steps, samples // self.global_batch)

    def _has_the_same_rate(self, other: "Course", step: int) -> bool:
        return self.schedule.factor(step, self.steps) == other.schedule.factor(step, other.steps)


def start_from_trunk(context: Context, mine: Course, course_of: Callable[[PretrainStage], Course]) -> None:
    """Make the newest checkpoint of a shorter run this one's own, where there is one and this has none so far.

    Args:
        course_of: that of a run with other settings, on the same data.
    """
    if list_checkpoints(context.folder):
        return
    usable: list[Checkpoint] = []
    for folder, config in _runs_of_the_same_trunk(context.folder):
        checkpoints = list_checkpoints(folder)
        theirs = course_of(config)
        common = mine.common_steps(theirs)
        early = [checkpoint for checkpoint in checkpoints if checkpoint.step <= common]
        usable += early
        if checkpoints and not early:
            context.log.info(_why_not(folder.name, common, mine.differs_in(theirs), checkpoints[0].step))
    for checkpoint in sorted(usable, key=lambda each: each.step, reverse=True):
        if (damage := checkpoint.damage()) is not None:
            context.log.warning("the checkpoint %s is damaged: %s; it is not used", checkpoint.folder, damage)
        elif take_checkpoint(checkpoint, context):
            _take_older(checkpoint, context)
            steps = counted(checkpoint.step, "step is that", "steps are those")
            trunk = checkpoint.folder.parent.parent.name
            context.log.info(f"the first {steps} of {trunk}: going on from there")
            return


def _why_not(name: str, common: int, difference: str, first: int) -> str:
    """Why a run of the same trunk is not gone on from.

    Args:
        common: how many first steps both have.
        difference: what is another then, in words.
        first: the step of its first checkpoint.
    """
    begins = f"{name} differs only in how far it goes, but {difference} is another one"
    if not common:
        return f"{begins} from the first step on: this run starts at step 1"
    return (
        f"{begins} after {counted(common, 'common step')}, and its first checkpoint is of step {first:,}: this run "
        "starts at step 1 (trainer.keep_every keeps checkpoints along the way)"
    )


def _runs_of_the_same_trunk(folder: Path) -> Iterator[tuple[Path, PretrainStage]]:
    """Folders of other runs, finished or not, and their settings."""
    own = _read_spec(folder)
    if own is None or own.trunk is None:
        return  # the stage was called in a folder of no store, as a measurement does
    for path in sorted(folder.parent.glob(f"*/{SPEC_FILE}")):
        spec = _read_spec(path.parent)
        if path.parent != folder and spec is not None and spec.trunk == own.trunk:
            try:
                yield path.parent, PretrainStage.model_validate(spec.config)
            except ValidationError:  # of a version that knew other neutral settings
                continue


def _read_spec(folder: Path) -> WrittenSpec | None:
    """What a stage.yaml says; None where it is damaged, or gone since its run ended in this moment."""
    try:
        return WrittenSpec.read(folder)
    except (OSError, ValueError):
        return None


def take_checkpoint(checkpoint: Checkpoint, context: Context) -> bool:
    """Link the checkpoint into this run's folder, and log what was logged until then; False where it is gone by now,
    since its run is at work and keeps only the newest."""
    source, folder = checkpoint.folder.parent.parent, context.folder
    writing = _copy(checkpoint, folder)
    if writing is None:
        return False
    for row in read_metrics(source):
        if (step := int(row.pop("step"))) <= checkpoint.step:
            context.tracker.log(row, step)
    if (source / SKIPPED_FILE).is_file():
        shutil.copy2(source / SKIPPED_FILE, folder / SKIPPED_FILE)
    write_json(folder / TRUNK_FILE, {"run": source.name, "step": checkpoint.step})
    durable.publish(writing, checkpoint_folder(folder, checkpoint.step))
    return True


def _take_older(newest: Checkpoint, context: Context) -> None:
    """Of the same run the checkpoints before, too, which averages may be made of; training keeps those that it would
    have kept."""
    for checkpoint in list_checkpoints(newest.folder.parent.parent):
        if checkpoint.step < newest.step and (writing := _copy(checkpoint, context.folder)) is not None:
            durable.publish(writing, checkpoint_folder(context.folder, checkpoint.step))


def _copy(checkpoint: Checkpoint, folder: Path) -> Path | None:
    """The checkpoint in an artifact's folder, under the name of one that is being written; None where it is gone."""
    own = checkpoint_folder(folder, checkpoint.step)
    writing = own.with_name(own.name + WRITING)
    shutil.rmtree(writing, ignore_errors=True)
    try:
        shutil.copytree(checkpoint.folder, writing, copy_function=_link)
    except (FileNotFoundError, shutil.Error):
        shutil.rmtree(writing, ignore_errors=True)
        return None
    return writing


def planned_start(root: RootConfig, known: Known) -> tuple[str, list[int]] | None:
    """The shorter run that pretraining will go on from, and the steps whose checkpoints it takes, the first one first;
    None where it begins with step 1. For preflight: no checkpoint is read, and packed documents are not counted.

    Raises:
        NotYet: where the shards are still to be built.
    """
    index, mine = ShardIndex.load(known.folder("shards")), STAGES["pretrain"].config_from(root)
    assert isinstance(mine, PretrainStage)  # as the table of stages has it
    length = root.trainer.sequence_length or root.model.context
    sizes = {part: root.objective.examples_in(n, length) for part, n in index.part_tokens("train").items()}
    mixture = Mixture(root.data, sizes, length)
    size = (length, model_sizes(root.model, index.vocab_size).parameters, index.vocab_size)
    own, found = Course.of(mine, mixture, *size), list[tuple[int, str, list[int]]]()
    for folder, spec in known.kin(root, "pretrain"):
        try:
            theirs = PretrainStage.model_validate(spec.config)
        except ValidationError:  # of a version that knew other neutral settings
            continue
        common = own.common_steps(Course.of(theirs, mixture, *size))
        if steps := [c.step for c in list_checkpoints(folder) if c.step <= common]:
            found.append((steps[-1], folder.name, steps))
    if not found:
        return None
    _, name, steps = max(found)
    return name, steps


def _link(source: str, target: str) -> None:
    """Checkpoints never change, so that a second name for a file does as well as a copy, and takes no room."""
    try:
        os.link(source, target)
    except OSError:  # no such links on this filesystem
        shutil.copy2(source, target)
