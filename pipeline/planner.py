"""The planner: brings a stage and all that it needs up to date. One process, no torch."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.announce import Announce
from pipeline.checkout import git_commit, git_remote
from pipeline.config.root import RootConfig
from pipeline.forecast import refuse_what_cannot_fit
from pipeline.formats.run_folder import RUN_FILE
from pipeline.launch import launcher_module
from pipeline.plan import find_artifacts, fingerprints, plan_stages
from pipeline.preflight import Preflight
from pipeline.redaction import MASK, redacted_tree
from pipeline.run_changes import changes, last_settings
from pipeline.stage_spec import PlanSpec, StageSpec
from pipeline.stages import STAGES, Stage
from pipeline.store.artifacts import Artifact, Store
from pipeline.store.run_links import link_into_run
from pipeline.store.written_spec import WrittenSpec
from pipeline.text.enumeration import enumerated
from pipeline.tracking import check_tracking

KEPT = ("checkpoint_every", "keep_last", "keep_every")
"""Settings of a `trainer` that say which checkpoints there are in the end, and change nothing else."""


@dataclass(frozen=True)
class Outcome:
    """How a stage of a plan came out."""

    stage: Stage
    artifact: Artifact
    reused: bool


def execute(root: RootConfig, announce: Announce) -> list[Outcome]:
    """Build what is missing, reuse what is there, link both into the run's folder.

    Returns nothing where jobs are submitted and not waited for.

    Raises:
        UserError: where a stage fails or is bound to, what was finished before stays; where an artifact is damaged;
            where what tracks the run lacks something, as W&B a key.
    """
    check_tracking(root.tracking, os.environ | root.launcher.env)
    store = Store(Path(root.run.artifacts))
    before, now = last_settings(root.run.folder), shown_settings(root)
    plan, commit, remote = plan_stages(root, store), git_commit(), git_remote()
    for words in changes(root, plan, before, now):
        announce(f"{'run':<9} | {words}")
    found = find_artifacts(root, plan, store)
    for words in unheeded(root, found):
        announce(words)
    refuse_what_cannot_fit(root, plan, store)
    preflight = Preflight(root, fingerprints(plan), store)
    preflight.refuse_what_will_fail()
    if words := _reused(found):
        announce(words)
    # Now, since what is refused is no start: the run stays as it was last asked for.
    root.run.folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(now, sort_keys=False, allow_unicode=True)
    (root.run.folder / RUN_FILE).write_text(text, encoding="utf-8")
    plan_spec = PlanSpec.of(root, fingerprints(plan))
    stages = [StageSpec.of(planned, root, commit, plan_spec, remote) for planned in plan]
    outcomes: list[Outcome] = []
    built = launcher_module(root.launcher).build(stages, announce)
    for planned, (artifact, reused) in zip(plan, built, strict=False):
        link_into_run(root.run.folder, planned.stage.name, artifact)
        outcomes.append(Outcome(planned.stage, artifact, reused))
        preflight.refuse_what_will_fail()  # as soon as it can be known: before a training, above all
    return outcomes


def unheeded(root: RootConfig, found: Mapping[str, Artifact | None]) -> Iterator[str]:
    """What settings ask for that this start will not do: of checkpoints that finished trainings, which are reused, have
    kept otherwise; a profile of their steps; and a price where nothing is trained."""
    if root.run.cost.price is not None and (why := _nothing_to_price(found)):
        yield f"{'run':<9} | run.cost.price has nothing to count: {why}"
    for stage, key, trainer in (
        ("pretrain", "trainer", root.trainer),
        ("finetune", "finetune.trainer", root.finetune.trainer),
    ):
        artifact = found.get(stage)
        if artifact is None:
            continue
        theirs: Any = WrittenSpec.read(artifact.folder).config
        for part in key.split("."):
            theirs = theirs.get(part) or {}
        if trainer.profile is not None and theirs.get("profile") != trainer.profile:
            yield (
                f"{stage:<9} | is reused, so no step of it is profiled ({key}.profile={trainer.profile}): change what "
                f"is trained, such as {key}.steps, or delete {artifact.folder} to train again"
            )
        others = [
            f"{key}.{name}={getattr(trainer, name)} (it had {theirs[name]})"
            for name in KEPT
            if name in theirs and theirs[name] != getattr(trainer, name)
        ]
        if others:
            yield (
                f"{stage:<9} | is reused, with the checkpoints that it has kept: {', '.join(others)} would change "
                "which are kept and not what is trained, so nothing is trained again for that. Delete "
                f"{artifact.folder} to train again"
            )


def _reused(found: Mapping[str, Artifact | None]) -> str:
    """Which stages are there already, in words, where others are built; else the table at the end says it."""
    there = [name for name, artifact in found.items() if artifact is not None]
    if not there or len(there) == len(found):
        return ""
    return f"{'run':<9} | {len(there)} of {len(found)} stages are there already: {enumerated(there)}"


def _nothing_to_price(found: Mapping[str, Artifact | None]) -> str:
    """Why a start trains nothing, in words; empty where it does."""
    trainings = [name for name in found if STAGES[name].trainer]
    if any(found[name] is None for name in trainings):
        return ""
    if not trainings:
        return "none of these stages trains a model"
    are = "is" if len(trainings) == 1 else "are"
    return f"{enumerated(trainings)} {are} reused; what they took stands in the report"


def shown_settings(root: RootConfig) -> dict[str, Any]:
    """The configuration as a plain tree, without what may be secret in it."""
    values = redacted_tree(root.model_dump(mode="json"))
    values["launcher"]["env"] = dict.fromkeys(root.launcher.env, MASK)
    return values
