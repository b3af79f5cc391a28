"""Which checkpoints of a training the exported weights are made of. No torch: the planner asks it, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.evaluation import WeightsConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint, best_checkpoint, list_checkpoints
from pipeline.store.artifacts import read_json, write_json
from pipeline.text.counts import counted

CHOICE_FILE = "weights.json"
"""In an artifact of evaluate: which weights it has scored besides the last, and are exported."""


@dataclass(frozen=True)
class Choice:
    """A weighted mean of checkpoints; of a single one where there is but one."""

    label: str
    """What the rows of the results call the model."""
    words: str
    """What the model card says of the weights."""
    shares: dict[int, float]
    """Each checkpoint's part by its step; together 1."""


def exported_stage(inputs: Mapping[str, Path]) -> str:
    """The training whose model is exported."""
    return "finetune" if "finetune" in inputs else "pretrain"


def write_choice(folder: Path, choice: Choice) -> None:
    """Tell export what was chosen."""
    shares = {str(step): share for step, share in choice.shares.items()}
    write_json(folder / CHOICE_FILE, {"label": choice.label, "words": choice.words, "shares": shares})


def read_choice(evaluate: Path) -> Choice | None:
    """What an artifact of evaluate says of the weights that are exported; None for those of the last step.

    Raises:
        UserError: where the file is damaged.
    """
    if not (evaluate / CHOICE_FILE).is_file():
        return None
    said = read_json(evaluate / CHOICE_FILE, evaluate, ("label", "words", "shares"))
    return Choice(said["label"], said["words"], {int(step): share for step, share in said["shares"].items()})


def choose(artifact: Path, config: WeightsConfig) -> Choice:
    """The checkpoints that `export.weights` and `export.step` mean; not for those of the last step.

    Args:
        config: of how many an average is it must say; where it does not, evaluate chooses on held-out text.

    Raises:
        UserError: where the training did not keep them, with what it kept.
    """
    if config.step is not None:
        return _of_step(artifact, _kept_by(artifact), config.step)
    if config.weights == "best":
        return _best(artifact, _kept_by(artifact))
    checkpoints = several(artifact)
    if config.weights == "ema":
        return moving_average(checkpoints, config.ema_decay)
    assert config.average_last is not None
    if config.average_last > len(checkpoints):
        raise UserError(
            f"export.average_last={config.average_last}: {artifact} keeps {counted(len(checkpoints), 'checkpoint')} "
            f"({_steps(checkpoints)}); set it to at most {len(checkpoints)}"
        )
    return average([c.step for c in checkpoints[-config.average_last :]])


def several(artifact: Path) -> list[Checkpoint]:
    """The checkpoints that there are to average.

    Raises:
        UserError: where there is one at the most.
    """
    checkpoints = _kept_by(artifact)
    if len(checkpoints) == 1:
        raise UserError(
            f"{artifact} keeps one checkpoint, of step {checkpoints[0].step}: there is nothing to average. Train with "
            "a smaller trainer.checkpoint_every and a larger trainer.keep_last (or trainer.keep_every), under another "
            "seed or after deleting that folder, or set export.weights=last"
        )
    return checkpoints


def _kept_by(artifact: Path) -> list[Checkpoint]:
    checkpoints = list_checkpoints(artifact)
    if not checkpoints:
        raise UserError(f"{artifact} has no checkpoint; only export.weights=last can be exported of it")
    return checkpoints


def average(steps: Sequence[int]) -> Choice:
    """The uniform mean (Izmailov et al., 2018; of the last checkpoints of one run: Vaswani et al., 2017)."""
    words = f"the mean of the training steps {', '.join(map(str, steps))}"
    return Choice("average", words, dict.fromkeys(steps, 1 / len(steps)))


def moving_average(checkpoints: Sequence[Checkpoint], decay: float) -> Choice:
    """The mean in which a checkpoint counts less the older it is: by the factor `decay` for each step."""
    steps = [checkpoint.step for checkpoint in checkpoints]
    parts = [decay ** (steps[-1] - step) for step in steps]
    shares = {step: part / sum(parts) for step, part in zip(steps, parts, strict=True)}
    listed = ", ".join(map(str, steps))
    words = (
        f"the exponential moving average, with a decay of {decay:g} a step, of the training steps {listed}"
    )
    return Choice("ema", words, shares)


def _of_step(artifact: Path, checkpoints: Sequence[Checkpoint], step: int) -> Choice:
    if all(checkpoint.step != step for checkpoint in checkpoints):
        nearest = min((checkpoint.step for checkpoint in checkpoints), key=lambda kept: abs(kept - step))
        raise UserError(
            f"export.step={step}: {artifact} keeps no checkpoint of this step; the nearest is export.step={nearest} "
            f"(it keeps {_steps(checkpoints)})"
        )
    return Choice(f"step {step}", f"the training step {step}", {step: 1.0})


def _best(artifact: Path, checkpoints: Sequence[Checkpoint]) -> Choice:
    best = best_checkpoint(checkpoints)
    if best is None:
        raise UserError(
            f"export.weights=best: no checkpoint in {artifact} has a validation loss; set trainer.validate_every so "
            f"that validations come before checkpoints, or take export.step (it keeps {_steps(checkpoints)})"
        )
    why = "the lowest validation loss"
    if monitor := best.monitor:
        metric = monitor["metric"].replace("_", " ")
        why = f"the {'lowest' if monitor['better'] == 'lower' else 'highest'} {metric} on validation examples"
    return Choice("best", f"the training step {best.step}, of {why}", {best.step: 1.0})


def check_plan(
    trainer: TrainerConfig, config: WeightsConfig, where: str, start: tuple[str, list[int]] | None = None
) -> None:
    """Look whether a training that is still to run will keep the checkpoints, as far as its settings tell.

    Args:
        where: the key of the `trainer` section, for messages.
        start: the shorter run that it goes on from, and the steps whose checkpoints it takes of it.

    Raises:
        UserError: where it will not.
    """
    every, steps = trainer.checkpoint_every, trainer.steps
    kept = sorted(_kept(trainer, steps, start[1] if start else [])) if steps else None
    if config.step is not None and kept and config.step not in kept:
        nearest = min(kept, key=lambda step: abs(step - config.step))
        raise UserError(
            f"export.step={config.step}: the training need not keep that checkpoint, but those of steps "
            f"{_listed(kept)}; set {where}.checkpoint_every and {where}.keep_every so that they divide the step, or "
            f"take the nearest, export.step={nearest}"
        )
    most = len(kept) if kept else None if trainer.keep_every else 1 if not every else trainer.keep_last
    wanted = config.average_last or (2 if config.weights in ("average", "ema") else 1)
    if most is not None and wanted > most:
        told = (
            f"export.weights={config.weights} needs {wanted} checkpoints, and the training will keep {most}"
        )
        if start and len(_kept(trainer, steps or 0, [])) >= wanted:
            name, taken = start
            listed = f"{'that of step' if len(taken) == 1 else 'those of steps'} {_listed(taken)}"
            raise UserError(
                f"{told}: it goes on from step {taken[-1]:,} of {name}, which has kept only {listed}; lower "
                f"{where}.checkpoint_every ({every}), or average fewer of them (export.average_last)"
            )
        raise UserError(
            f"{told}; lower {where}.checkpoint_every ({every}) or raise {where}.keep_last ({trainer.keep_last})"
        )


def _kept(trainer: TrainerConfig, steps: int, taken: Sequence[int]) -> set[int]:
    """Steps whose checkpoints are there in the end, whatever the losses are.

    Args:
        taken: those that it has of a shorter run, which did all steps up to the last of these.
    """
    written = (
        {*range(trainer.checkpoint_every, steps + 1, trainer.checkpoint_every)}
        if trainer.checkpoint_every
        else set()
    )
    written.add(steps)
    if taken:
        written = {*taken, *(step for step in written if step > taken[-1])}
    last = set(sorted(written)[-trainer.keep_last :])
    return last | {step for step in written if trainer.keep_every and step % trainer.keep_every == 0}


def _steps(checkpoints: Sequence[Checkpoint]) -> str:
    return "steps " + _listed([checkpoint.step for checkpoint in checkpoints])


def _listed(steps: Sequence[int], most: int = 12) -> str:
    more = f" and {len(steps) - most} more" if len(steps) > most else ""
    return ", ".join(map(str, steps[:most])) + more
