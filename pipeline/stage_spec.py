"""What a stage of a plan is told to those who launch it, and to its workers: they never see Hydra."""

import os
from pathlib import Path
from typing import Any, Self

import yaml

from pipeline.config.base import HORIZON, NEUTRAL, Section
from pipeline.config.launchers import LauncherConfig
from pipeline.config.plugins import load_plugins
from pipeline.config.root import RootConfig
from pipeline.config.run import RunConfig
from pipeline.config.trackers import TrackingConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.machine import host_name
from pipeline.plan import PlannedStage
from pipeline.preflight import Preflight
from pipeline.stages import STAGES
from pipeline.store import durable
from pipeline.store.artifacts import HASHES, SPEC_FILE, Artifact, Store
from pipeline.store.integrity import check_content
from pipeline.store.private_files import write_private


class PlanSpec(Section):
    """The whole plan that a stage belongs to, for checks of what the stages after it will need."""

    settings: dict[str, Any]
    """Every section but those that each stage's own spec has."""
    fingerprints: dict[str, str]
    """Of all artifacts, by stage."""

    @classmethod
    def of(cls, root: RootConfig, fingerprints: dict[str, str]) -> "PlanSpec":
        own = {"run", "tracking", "launcher"}
        return cls(settings=root.model_dump(mode="json", exclude=own), fingerprints=fingerprints)


class WorkerSpec(Section):
    """What the workers of a stage need to know of it: `stage.yaml` in the folder where they build."""

    stage: str
    version: int
    fingerprint: str
    input_fingerprints: dict[str, str]
    inputs: dict[str, Path] = {}  # noqa: RUF012
    """Folders of the inputs; looked up when the stage starts."""
    trunk: str | None = None
    """As the fingerprint, without how far the run goes: what runs have in common that may share their first steps.
    Known when the stage starts."""
    config: dict[str, Any]
    """What `Stage.config` holds for it."""
    plugins: list[str] = []  # noqa: RUF012
    run: RunConfig
    tracking: TrackingConfig
    git_commit: str | None
    git_remote: str | None = None
    """Where that commit can be cloned from."""

    @property
    def settings(self) -> Section:
        """The sections of the configuration that the stage sees."""
        return STAGES[self.stage].config.model_validate(self.config)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it from a file, and load the plugins that it names."""
        values = yaml.safe_load(path.read_text())
        load_plugins(values.get("plugins", []))
        return cls.model_validate(values)


class StageSpec(WorkerSpec):
    """What launching the stage takes besides."""

    launcher: LauncherConfig
    trainer: TrainerConfig | None
    """Where the number of ranks is set; None for a stage of one process."""
    gpus: int = 0
    """Per node, that it can use."""
    plan: PlanSpec | None = None
    """For jobs that run when the planner has ended; one that stays checks the plan itself."""

    @classmethod
    def of(
        cls,
        planned: PlannedStage,
        root: RootConfig,
        commit: str | None,
        plan: PlanSpec | None = None,
        remote: str | None = None,
    ) -> Self:
        """Args: commit, remote: of the checkout, as `pipeline.checkout` tells them."""
        stage = planned.stage
        return cls(
            stage=stage.name,
            version=stage.version,
            fingerprint=planned.fingerprint,
            input_fingerprints=planned.inputs,
            config=stage.config_from(root).model_dump(mode="json"),
            plugins=root.plugins,
            run=root.run,
            tracking=root.tracking,
            git_commit=commit,
            git_remote=remote,
            launcher=root.launcher,
            trainer=stage.trainer(root) if stage.trainer else None,
            gpus=stage.gpus(root),
            plan=plan,
        )

    @property
    def store(self) -> Store:
        return Store(Path(self.run.artifacts))

    @property
    def ranks(self) -> int:
        return self.trainer.ranks if self.trainer else 1

    def refuse_what_will_fail(self) -> None:
        """Look at what all stages of the plan will need, with the artifacts that are there by now.

        Raises:
            UserError: with all that is bound to fail.
        """
        assert self.plan is not None
        own = {"run": self.run, "tracking": self.tracking, "launcher": self.launcher}
        root = RootConfig.model_validate({**self.plan.settings, **own})
        Preflight(root, self.plan.fingerprints, self.store).refuse_what_will_fail()

    def find(self) -> Artifact | None:
        """The finished artifact, if it is there."""
        return self.store.find(self.stage, self.fingerprint)

    def prepare_folder(self) -> Path:
        """The folder to build in, with `stage.yaml` for the workers.

        Raises:
            UserError: where an input is not in the store or damaged, or a file that its settings name is not as it
                was planned: a job may have waited for days.
        """
        hashes = FileHashes(self.store.root / HASHES)
        facts = (self.stage, self.version, self.settings, self.input_fingerprints, hashes)
        if fingerprint(*facts) != self.fingerprint:
            raise UserError(
                "files that its settings name have changed since it was planned; start again, to plan with those "
                "that are there now"
            )
        found = {"inputs": self._find_inputs(), "trunk": fingerprint(*facts, leave_out=(NEUTRAL, HORIZON))}
        folder = self.store.partial(self.stage, self.run.name, self.fingerprint)
        # Less the launcher: its environment may hold keys, and this file stays in the artifact.
        told = self.model_copy(update=found).model_dump(mode="json", include=set(WorkerSpec.model_fields))
        # By a rename: the tasks of an array do this side by side.
        scratch = folder / f".{SPEC_FILE}.{host_name()}.{os.getpid()}"
        scratch.write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True))
        durable.replace(scratch, folder / SPEC_FILE)
        return folder

    def _find_inputs(self) -> dict[str, Path]:
        inputs = {}
        for name, of_input in self.input_fingerprints.items():
            artifact = self.store.find(name, of_input)
            if artifact is None:
                raise UserError(
                    f"its input {name}-{of_input} is not in {self.run.artifacts}; it was deleted, or its stage "
                    "has not been run: start again to build it"
                )
            check_content(artifact, name, show_progress=self.run.progress)
            inputs[name] = artifact.folder.resolve()
        return inputs

    def save(self, path: Path) -> None:
        """With the launcher's environment, which may hold keys: only the owner may read the file."""
        write_private(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
