"""The plan of a run: which stages it brings up to date, in which order, and how each one's artifact is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.stages import STAGES, Stage, upstream
from pipeline.store.artifacts import HASHES, Artifact, Store
from pipeline.store.integrity import check_content, check_files
from pipeline.text.nearest import one_of


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a plan, and how its artifact is known."""

    stage: Stage
    fingerprint: str
    inputs: dict[str, str]
    """Fingerprints of the inputs, by stage."""


def plan_stages(root: RootConfig, store: Store) -> list[PlannedStage]:
    """The stages to bring up to date, in order, with their fingerprints.

    Raises:
        UserError: for an unknown or switched-off stage, or a local input that is absent.
    """
    if root.stage not in STAGES:
        raise UserError(f"stage={root.stage}: no such stage; {one_of(root.stage, STAGES)}")
    if not STAGES[root.stage].enabled(root):
        raise UserError(
            f"stage={root.stage} is switched off in this configuration (see finetune.task, finetune.init and "
            "evaluate.perplexity.corpus)"
        )
    hashes = FileHashes(store.root / HASHES)
    prints: dict[str, str] = {}
    plan = []
    for stage in upstream(root.stage, root):
        inputs = {name: prints[name] for name in stage.inputs_for(root)}
        prints[stage.name] = fingerprint(stage.name, stage.version, stage.config_from(root), inputs, hashes)
        plan.append(PlannedStage(stage, prints[stage.name], inputs))
    return plan


def find_artifacts(
    root: RootConfig, plan: Sequence[PlannedStage], store: Store
) -> dict[str, Artifact | None]:
    """The artifact of each stage, None where there is none so far.

    Raises:
        UserError: where one of them is damaged, as far as it is looked at (`verify`).
    """
    found = {planned.stage.name: store.find(planned.stage.name, planned.fingerprint) for planned in plan}
    for name, artifact in found.items():
        if artifact and root.verify:
            check_content(artifact, name, afresh=True, show_progress=root.run.progress)
        elif artifact:
            check_files(artifact)
    return found


def fingerprints(plan: Sequence[PlannedStage]) -> dict[str, str]:
    """Of all artifacts of a plan, by stage."""
    return {planned.stage.name: planned.fingerprint for planned in plan}
