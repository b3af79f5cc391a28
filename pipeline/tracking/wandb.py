"""The Weights & Biases side of tracking: one run per stage, one group per run, lineage from input to output."""

import hashlib
import io
import json
import netrc
import os
import shlex
import shutil
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import ROOT
from pipeline.config.run import RunConfig
from pipeline.config.trackers.wandb import WandbTracking
from pipeline.errors import UserError
from pipeline.redaction import redacted, secret_values
from pipeline.store.artifacts import MANIFEST
from pipeline.store.manifest import Tracking
from pipeline.tracking.outside import OutsideTracker, pages, shown_error
from pipeline.tracking.tracker import TrackedStage, Tracker

RUN_ID_FILE = "wandb_run_id"
INIT_SECONDS = 20.0
FINISH_SECONDS = 120.0
"""How long a stage waits for the server, at its beginning and at its end."""
ALERT_SECONDS = 300
"""For how long an alert of the same title is not sent again."""


class WandbTracker(OutsideTracker):
    """Sends to W&B all that the local tracker keeps. A stage that starts again continues its run.

    Trouble with W&B never stops a stage: without its server the run is kept on disk, and at any other error
    W&B is left alone from there on. Either is logged once.
    """

    place = "Weights & Biases"

    def __init__(self, folder: Path, run: RunConfig, tracking: WandbTracking, stage: TrackedStage):
        super().__init__(folder, stage.stage)
        self._stage = stage
        self._run = self._start(folder, run, tracking)

    def _start(self, folder: Path, run: RunConfig, tracking: WandbTracking) -> Any:
        """The W&B run: online or, where that is not wanted or fails, offline; None where that fails too."""
        import wandb

        root = run.folder.resolve()
        id_file = folder / RUN_ID_FILE
        stage = self._stage.stage
        for offline in [True] if is_offline(tracking, os.environ) else [False, True]:
            try:
                root.mkdir(parents=True, exist_ok=True)
                if not id_file.exists():
                    id_file.write_text(uuid.uuid4().hex[:8])
                wandb.setup(wandb.Settings(silent=True))
                return wandb.init(
                    project=tracking.project,
                    entity=tracking.entity,
                    tags=tracking.tags,
                    group=tracking.group or run.name,
                    job_type=stage,
                    name=f"{run.name}-{stage}",
                    id=id_file.read_text().strip(),
                    resume="allow",
                    mode="offline" if offline else "online",
                    dir=str(root),
                    config={**self._stage.config, "fingerprint": self._stage.fingerprint},
                    settings=wandb.Settings(
                        console="off",
                        disable_code=True,
                        init_timeout=INIT_SECONDS,
                        finish_timeout=FINISH_SECONDS,
                        finish_timeout_raises=True,
                    ),
                )
            except Exception as error:
                where = (
                    "goes without it" if offline else f"is kept offline; `{sync_command(run)}` sends it later"
                )
                self.log_of_stage.warning("Weights & Biases: %s; this stage %s", shown_error(error), where)
                wandb.teardown()  # or the run's id would still be in use
        self.lost = True
        return None

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        super().log(metrics, step)
        self.send(lambda: self._run.log(dict(metrics), step=step))

    def table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None = None
    ) -> None:
        super().table(name, columns, rows, step)
        self.send(lambda: self._send_table(name, columns, rows, step))

    def image(self, name: str, png: bytes) -> None:
        self.send(lambda: self._send_image(name, png))

    def alert(self, title: str, text: str) -> None:
        told = redacted(text, secret_values(os.environ))
        self.send(lambda: self._run.alert(title=title, text=told, level="WARN", wait_duration=ALERT_SECONDS))

    def finish(self, summary: Mapping[str, Any], artifact: Path | None) -> None:
        self.send(lambda: self._run.summary.update(dict(summary)))
        if artifact is not None:
            self.send(lambda: self._send_pages(artifact))
            self.send(lambda: self._record_lineage(artifact))
        self.send(lambda: self._run.finish(exit_code=0 if artifact is not None else 1))

    def pause(self) -> None:
        self.send(lambda: self._run.mark_preempting())
        self.send(lambda: self._run.finish(exit_code=1))  # W&B then shows it as preempted, not as failed

    def identity(self) -> Tracking:
        if self.lost:
            return super().identity()
        offline = self._run.offline
        return {"backend": "wandb", "id": self._run.id, "url": None if offline else self._run.url}

    def _send_table(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int | None
    ) -> None:
        import wandb

        data: list[Iterable[Any]] = [list(row) for row in rows]
        self._run.log(
            {name: wandb.Table(columns=list(columns), data=data, allow_mixed_types=True)}, step=step
        )

    def _send_image(self, name: str, png: bytes) -> None:
        import wandb
        from PIL import Image

        self._run.log({name: wandb.Image(Image.open(io.BytesIO(png)))})

    def _send_pages(self, artifact: Path) -> None:
        """Log, cards and pages, for people to read beside the curves."""
        for path in pages(artifact):
            self._run.save(str(path), base_path=str(artifact), policy="now")

    def _record_lineage(self, artifact: Path) -> None:
        """The output by reference, and the inputs as edges where W&B knows them, else by fingerprint."""
        import wandb

        inputs = dict(self._stage.input_fingerprints)
        self._run.config.update({"inputs": inputs}, allow_val_change=True)
        if not self._run.offline:  # only the server can look an input up
            for stage, fingerprint in inputs.items():
                try:
                    self._run.use_artifact(f"{stage}-{fingerprint}:latest")
                except Exception as error:  # such as an input made offline and not yet sent
                    self.log_of_stage.debug("W&B has no %s-%s: %s", stage, fingerprint, error)
        output = wandb.Artifact(
            f"{self._stage.stage}-{self._stage.fingerprint}",
            type=self._stage.stage,
            metadata={"inputs": inputs, **_contents(artifact)},
        )
        # With size and sha256 of each file that the reference stands for; it has another name among these.
        if (artifact / MANIFEST).is_file():
            output.add_file(str(artifact / MANIFEST), name="contents.json")
        output.add_reference(artifact.resolve().as_uri(), checksum=False)
        self._run.log_artifact(output)


def _contents(artifact: Path) -> dict[str, Any]:
    """How much is in the folder that the reference leads to, and a checksum of all of it; nothing of a sweep's."""
    manifest = artifact / MANIFEST
    if not manifest.is_file():
        return {}
    outputs = json.loads(manifest.read_text(encoding="utf-8"))["outputs"]
    names = sorted(outputs)
    digests = "".join(f"{outputs[name]['sha256']}  {name}\n" for name in names)  # as sha256sum has them
    return {
        "files": len(names),
        "bytes": sum(outputs[name]["bytes"] for name in names),
        "sha256": hashlib.sha256(digests.encode()).hexdigest(),
    }


def sync_command(run: RunConfig) -> str:
    """What to type to send a run that was kept on disk."""
    if run.is_in_default_folder and Path.cwd() == ROOT and Path("Makefile").is_file():
        return "make wandb-sync"
    return f"{_typed_program()} sync {shlex.quote(str(run.folder / 'wandb'))}/offline-run-*"


def wandb_program() -> Path:
    """The command of W&B that belongs to this Python."""
    return Path(sys.executable).with_name("wandb")


def _typed_program() -> str:
    """What to type for it: its name where that is found, else its path, from here on where it lies below."""
    program, found = wandb_program(), shutil.which("wandb")
    if found and program.exists() and Path(found).samefile(program):
        return "wandb"
    return shlex.quote(
        str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)
    )


def is_offline(tracking: WandbTracking, environment: Mapping[str, str]) -> bool:
    """Whether runs are kept on disk: asked for, or for want of a key."""
    if tracking.mode != "auto":
        return tracking.mode == "offline"
    if mode := environment.get("WANDB_MODE"):
        return mode != "online"
    return not _has_key(environment)


def check(config: WandbTracking, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where W&B was asked for online and nothing says who asks."""
    if config.mode == "online":
        check_key("tracking.mode=online", environment, ", or choose tracking.mode=offline")


def check_key(what: str, environment: Mapping[str, str], instead: str = "") -> None:
    """Raise where there is no key for W&B.

    Args:
        what: needs it.
        instead: what else can be done, behind what is always said.

    Raises:
        UserError: with what to type.
    """
    if not _has_key(environment):
        raise UserError(
            f"{what} needs a Weights & Biases key, and there is none: run `{_typed_program()} login`, or set "
            f"WANDB_API_KEY{instead}"
        )


def start(folder: Path, run: RunConfig, config: WandbTracking, stage: TrackedStage) -> Tracker:
    return WandbTracker(folder, run, config, stage)


def _has_key(environment: Mapping[str, str]) -> bool:
    if environment.get("WANDB_API_KEY") or environment.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = environment.get("WANDB_BASE_URL", "https://api.wandb.ai").split("//")[-1].split("/")[0]
    try:
        return netrc.netrc(environment.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
