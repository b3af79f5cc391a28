"""The planner: brings a stage and all that it needs up to date. One process, no torch."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.launchers import launch
from pipeline.stages import STAGES, Stage, upstream
from pipeline.store import Artifact, Store
from pipeline.wandb_tracking import check_key
from pipeline.worker import FROZEN


@dataclass(frozen=True)
class Step:
    """One stage of a plan."""

    stage: Stage
    fingerprint: str
    inputs: dict[str, str]
    """Fingerprints of the inputs, by stage."""


@dataclass(frozen=True)
class Outcome:
    """How a stage of a plan came out."""

    stage: Stage
    artifact: Artifact
    reused: bool


def plan(root: RootConfig, store: Store) -> list[Step]:
    """The stages to bring up to date, in order, with their fingerprints.

    Raises:
        UserError: for an unknown or switched-off stage, or a local input that is absent.
    """
    if root.stage not in STAGES:
        raise UserError(f"stage={root.stage}: no such stage; known: {', '.join(STAGES)}")
    if not STAGES[root.stage].enabled(root):
        raise UserError(
            f"stage={root.stage} is switched off in this configuration (see finetune.task and finetune.init)"
        )
    hashes = FileHashes(store.root / ".hashes.json")
    prints: dict[str, str] = {}
    steps = []
    for stage in upstream(root.stage, root):
        inputs = {name: prints[name] for name in stage.inputs_for(root)}
        prints[stage.name] = fingerprint(stage.name, stage.version, stage.config_from(root), inputs, hashes)
        steps.append(Step(stage, prints[stage.name], inputs))
    return steps


def execute(root: RootConfig, announce: Callable[[str], None]) -> list[Outcome]:
    """Build what is missing, reuse what is there, link both into the run's folder.

    Raises:
        UserError: where a stage fails, what was finished before stays; where W&B lacks a key.
    """
    check_key(root.tracking, os.environ | root.launcher.env)
    store = Store(Path(root.run.artifacts))
    run_folder = Path(root.run.runs) / root.run.name
    run_folder.mkdir(parents=True, exist_ok=True)
    (run_folder / "config.yaml").write_text(yaml.safe_dump(root.model_dump(mode="json"), sort_keys=False))
    outcomes: list[Outcome] = []
    for step in plan(root, store):
        folders = {o.stage.name: o.artifact.folder for o in outcomes if o.stage.name in step.inputs}
        outcome = _bring_up_to_date(step, folders, root, store, announce)
        _link(run_folder / step.stage.name, outcome.artifact.folder)
        outcomes.append(outcome)
    return outcomes


def _bring_up_to_date(
    step: Step, folders: dict[str, Path], root: RootConfig, store: Store, announce: Callable[[str], None]
) -> Outcome:
    stage = step.stage
    if artifact := store.find(stage.name, step.fingerprint):
        return Outcome(stage, artifact, reused=True)
    waiting = partial(announce, f"{stage.name}: another process builds the same artifact; waiting for it")
    with store.exclusive(stage.name, step.fingerprint, waiting):
        if artifact := store.find(stage.name, step.fingerprint):
            return Outcome(stage, artifact, reused=True)
        folder = store.partial(stage.name, root.run.name, step.fingerprint)
        _freeze(step, folder, folders, root)
        trainer = stage.trainer(root) if stage.trainer else None
        code = launch(folder, root.launcher, trainer)
        artifact = store.find(stage.name, step.fingerprint)
    if code != 0 or artifact is None:
        raise UserError(
            f"stage {stage.name} failed (exit code {code}); its log: {folder / 'log.txt'}. "
            "Start again to continue: finished stages are reused."
        )
    return Outcome(stage, artifact, reused=False)


def _freeze(step: Step, folder: Path, inputs: dict[str, Path], root: RootConfig) -> None:
    """Write all that the workers need to know; they never see Hydra."""
    frozen = {
        "stage": step.stage.name,
        "version": step.stage.version,
        "fingerprint": step.fingerprint,
        "input_fingerprints": step.inputs,
        "inputs": {name: str(path.resolve()) for name, path in inputs.items()},
        "config": step.stage.config_from(root).model_dump(mode="json"),
        "run": root.run.model_dump(mode="json"),
        "tracking": root.tracking.model_dump(mode="json"),
    }
    (folder / FROZEN).write_text(yaml.safe_dump(frozen, sort_keys=False, allow_unicode=True))


def _link(link: Path, target: Path) -> None:
    """Point the run's link at the artifact, relative so that both may be moved or mounted elsewhere together."""
    scratch = link.with_name(f".{link.name}.{os.getpid()}")
    scratch.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)
    scratch.replace(link)
