"""The planner: brings a stage and all that it needs up to date. One process, no torch."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.checkout import git_commit
from pipeline.config.root import RootConfig
from pipeline.config.run import RunConfig
from pipeline.errors import UserError
from pipeline.forecast import refuse_what_cannot_fit
from pipeline.frozen import Ahead, Frozen
from pipeline.launch import launcher_module
from pipeline.launch.ranks import host_name
from pipeline.preflight import Preflight
from pipeline.redaction import MASK, redacted_tree
from pipeline.stages import STAGES, Stage, upstream
from pipeline.store.artifacts import HASHES, Artifact, Store
from pipeline.store.fingerprint import FileHashes, fingerprint
from pipeline.store.integrity import check_content, check_files
from pipeline.tracking.wandb import check_key


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
    hashes = FileHashes(store.root / HASHES)
    prints: dict[str, str] = {}
    steps = []
    for stage in upstream(root.stage, root):
        inputs = {name: prints[name] for name in stage.inputs_for(root)}
        prints[stage.name] = fingerprint(stage.name, stage.version, stage.config_from(root), inputs, hashes)
        steps.append(Step(stage, prints[stage.name], inputs))
    return steps


def find_artifacts(root: RootConfig, steps: Sequence[Step], store: Store) -> dict[str, Artifact | None]:
    """The artifact of each stage, None where there is none so far.

    Raises:
        UserError: where one of them is damaged, as far as it is looked at (`verify`).
    """
    found = {step.stage.name: store.find(step.stage.name, step.fingerprint) for step in steps}
    for name, artifact in found.items():
        if artifact and root.verify:
            check_content(artifact, name, afresh=True, show_progress=root.run.progress)
        elif artifact:
            check_files(artifact)
    return found


def execute(root: RootConfig, announce: Callable[[str], None]) -> list[Outcome]:
    """Build what is missing, reuse what is there, link both into the run's folder.

    Returns nothing where jobs are submitted and not waited for.

    Raises:
        UserError: where a stage fails or is bound to, what was finished before stays; where an artifact is damaged;
            where W&B lacks a key.
    """
    check_key(root.tracking, os.environ | root.launcher.env)
    store = Store(Path(root.run.artifacts))
    run_folder = Path(root.run.runs) / root.run.name
    run_folder.mkdir(parents=True, exist_ok=True)
    (run_folder / "config.yaml").write_text(_shown(root), encoding="utf-8")
    steps, commit = plan(root, store), git_commit()
    find_artifacts(root, steps, store)
    refuse_what_cannot_fit(root, steps, store)
    preflight = Preflight(root, fingerprints(steps), store)
    preflight.refuse_what_will_fail()
    ahead = Ahead.of(root, fingerprints(steps))
    stages = [freeze(step, root, commit, ahead) for step in steps]
    outcomes: list[Outcome] = []
    built = launcher_module(root.launcher).build(stages, announce)
    for step, (artifact, reused) in zip(steps, built, strict=False):
        link_into_run(root.run, step.stage.name, artifact)
        outcomes.append(Outcome(step.stage, artifact, reused))
        preflight.refuse_what_will_fail()  # as soon as it can be known: before a training, above all
    return outcomes


def fingerprints(steps: Sequence[Step]) -> dict[str, str]:
    """Of all artifacts of a plan, by stage."""
    return {step.stage.name: step.fingerprint for step in steps}


def _shown(root: RootConfig) -> str:
    """The configuration as YAML, without what may be secret in it."""
    values = redacted_tree(root.model_dump(mode="json"))
    values["launcher"]["env"] = dict.fromkeys(root.launcher.env, MASK)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def freeze(step: Step, root: RootConfig, commit: str | None, ahead: Ahead | None = None) -> Frozen:
    """The step with all that its launch and its workers need to know."""
    stage = step.stage
    return Frozen(
        stage=stage.name,
        version=stage.version,
        fingerprint=step.fingerprint,
        input_fingerprints=step.inputs,
        config=stage.config_from(root).model_dump(mode="json"),
        plugins=root.plugins,
        run=root.run,
        tracking=root.tracking,
        git_commit=commit,
        launcher=root.launcher,
        trainer=stage.trainer(root) if stage.trainer else None,
        gpus=stage.gpus(root),
        ahead=ahead,
    )


def link_into_run(run: RunConfig, stage: str, artifact: Artifact) -> None:
    """Point the run's link at the artifact, relative so that both may be moved or mounted elsewhere together."""
    link = Path(run.runs) / run.name / stage
    scratch = link.with_name(f".{link.name}.{host_name()}.{os.getpid()}")
    scratch.symlink_to(os.path.relpath(artifact.folder, link.parent), target_is_directory=True)
    scratch.replace(link)
