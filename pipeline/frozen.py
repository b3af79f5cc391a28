"""One stage as it is frozen: all that its launch and its workers need to know. They never see Hydra."""

import os
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.base import HORIZON, NEUTRAL, Section
from pipeline.config.launchers import LauncherConfig
from pipeline.config.plugins import load_plugins
from pipeline.config.root import RootConfig
from pipeline.config.run import RunConfig, TrackingConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.machine import host_name
from pipeline.preflight import Preflight
from pipeline.stages import STAGES
from pipeline.store import durable
from pipeline.store.artifacts import HASHES, Artifact, Store
from pipeline.store.integrity import check_content
from pipeline.store.private_files import write_private

FROZEN = "stage.yaml"


class Ahead(Section):
    """The whole plan that a stage belongs to, for checks of what the stages after it will need."""

    settings: dict[str, Any]
    """Every section but those that each frozen stage has itself."""
    fingerprints: dict[str, str]
    """Of all artifacts, by stage."""

    @classmethod
    def of(cls, root: RootConfig, fingerprints: dict[str, str]) -> "Ahead":
        own = {"run", "tracking", "launcher"}
        return cls(settings=root.model_dump(mode="json", exclude=own), fingerprints=fingerprints)


class Frozen(Section):
    """A stage of a plan, apart from its code."""

    stage: str
    version: int
    fingerprint: str
    input_fingerprints: dict[str, str]
    inputs: dict[str, str] = {}  # noqa: RUF012
    """Folders of the inputs; looked up when the stage starts."""
    trunk: str | None = None
    """As the fingerprint, without how far the run goes: what runs have in common that may share their first steps.
    Known when the stage starts."""
    config: dict[str, Any]
    plugins: list[str] = []  # noqa: RUF012
    run: RunConfig
    tracking: TrackingConfig
    git_commit: str | None
    launcher: LauncherConfig
    trainer: TrainerConfig | None
    """Where the number of ranks is set; None for a stage of one process."""
    gpus: int = 0
    """Per node, that it can use."""
    ahead: Ahead | None = None
    """For jobs that run when the planner has ended; one that stays looks ahead itself."""

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
        assert self.ahead is not None
        own = {"run": self.run, "tracking": self.tracking, "launcher": self.launcher}
        root = RootConfig.model_validate({**self.ahead.settings, **own})
        Preflight(root, self.ahead.fingerprints, self.store).refuse_what_will_fail()

    def find(self) -> Artifact | None:
        """The finished artifact, if it is there."""
        return self.store.find(self.stage, self.fingerprint)

    def prepare(self) -> Path:
        """The folder to build in, with `stage.yaml` for the workers.

        Raises:
            UserError: where an input is not in the store or damaged, or a file that its settings name is not as it
                was planned: a job may have waited for days.
        """
        config, hashes = (
            STAGES[self.stage].config.model_validate(self.config),
            FileHashes(self.store.root / HASHES),
        )
        found = fingerprint(self.stage, self.version, config, self.input_fingerprints, hashes)
        if found != self.fingerprint:
            raise UserError(
                "files that its settings name have changed since it was planned; start again, to plan with those "
                "that are there now"
            )
        inputs = {}
        for name, of_input in self.input_fingerprints.items():
            artifact = self.store.find(name, of_input)
            if artifact is None:
                raise UserError(
                    f"its input {name}-{of_input} is not in {self.run.artifacts}; it was deleted, or its stage "
                    "has not been run: start again to build it"
                )
            check_content(artifact, name, show_progress=self.run.progress)
            inputs[name] = str(artifact.folder.resolve())
        folder = self.store.partial(self.stage, self.run.name, self.fingerprint)
        # Less the launcher: its environment may hold keys, and this file stays in the artifact.
        told = {
            **self.model_dump(mode="json", exclude={"launcher", "trainer", "gpus", "ahead"}),
            "inputs": inputs,
            "trunk": fingerprint(
                self.stage,
                self.version,
                config,
                self.input_fingerprints,
                hashes,
                leave_out=(NEUTRAL, HORIZON),
            ),
        }
        # By a rename: the tasks of an array do this side by side.
        scratch = folder / f".{FROZEN}.{host_name()}.{os.getpid()}"
        scratch.write_text(yaml.safe_dump(told, sort_keys=False, allow_unicode=True))
        durable.replace(scratch, folder / FROZEN)
        return folder

    def save(self, path: Path) -> None:
        """With the launcher's environment, which may hold keys: only the owner may read the file."""
        write_private(path, yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

    @classmethod
    def load(cls, path: Path) -> "Frozen":
        values = yaml.safe_load(path.read_text())
        load_plugins(values.get("plugins", []))
        return cls.model_validate(values)
