"""A run as it stands: its finished stages, and the one at work."""

import platform
from pathlib import Path
from typing import Any, cast

import yaml

from eval.reporting.pages import duration
from eval.reporting.report_data import StageRecord, read_stages
from pipeline.config.run import RunConfig
from pipeline.errors import UserError
from pipeline.formats.run_folder import RUN_FILE
from pipeline.launch.time_at_work import time_so_far
from pipeline.stages import STAGES
from pipeline.store.artifacts import MANIFEST, PARTIAL, SPEC_FILE
from pipeline.store.manifest import Manifest
from pipeline.store.signs_of_life import last_sign
from pipeline.store.written_spec import WrittenSpec

NOT_KNOWN_YET: dict[str, Any] = {
    **{"metrics": {}, "inputs": {}, "outputs": {}, "hardware": {}, "packages": {}, "tracking": {}},
    **{"host": None, "finished": None, "git_commit": None, "python": platform.python_version()},
}
"""What a manifest says only when the stage is finished."""


def run_settings(folder: Path) -> RunConfig:
    """The `run` section with which a run was last started.

    Raises:
        UserError: where it cannot be read.
    """
    try:
        values = yaml.safe_load((folder / RUN_FILE).read_text(encoding="utf-8"))["run"]
        return RunConfig.model_validate({k: v for k, v in values.items() if k in RunConfig.model_fields})
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{folder / RUN_FILE} is no configuration of a run: {error}") from None


def read_live_stages(run_folder: Path, run: RunConfig) -> list[StageRecord]:
    """The stages of the run's last start, in order: those that are finished, then the one that is being built.

    A link of an earlier start, whose inputs are no longer those of the run, is left out.
    """
    records: list[StageRecord] = []
    fingerprints: dict[str, str] = {}
    for name in STAGES:
        record = _newest(_finished(run_folder, name), _at_work(Path(run.artifacts) / name, name, run.name))
        spec = _spec(record.folder) if record else None
        if record is None or spec is None or name == "report":
            continue
        if all(fingerprints.get(other, known) == known for other, known in spec.input_fingerprints.items()):
            fingerprints[name] = spec.fingerprint
            records.append(record)
    return records


def _newest(finished: StageRecord | None, at_work: StageRecord | None) -> StageRecord | None:
    if finished is None or at_work is None:
        return finished or at_work
    later = (at_work.folder / SPEC_FILE).stat().st_mtime > (finished.folder / MANIFEST).stat().st_mtime
    return at_work if later else finished


def _finished(run_folder: Path, name: str) -> StageRecord | None:
    folder = run_folder / name
    return next(iter(read_stages({name: folder.resolve()})), None) if folder.is_dir() else None


def _at_work(stage_folder: Path, name: str, run: str) -> StageRecord | None:
    """The unfinished artifact that this run began last."""
    begun = [(s, f) for f in stage_folder.glob(f"*{PARTIAL}") if (s := _spec(f)) and s.run.get("name") == run]
    if not begun:
        return None
    spec, folder = max(begun, key=lambda one: (one[1] / SPEC_FILE).stat().st_mtime)
    known = {**NOT_KNOWN_YET, "stage": name, "config": spec.config, "seconds": time_so_far(folder)}
    return StageRecord(name, folder, cast(Manifest, known), _activity(folder))


def _spec(folder: Path) -> WrittenSpec | None:
    try:
        return WrittenSpec.read(folder)
    except (OSError, ValueError):  # it is being written, or was just renamed
        return None


def _activity(folder: Path) -> str:
    """What rank 0 says that it is at, and how long ago where that is long."""
    sign = last_sign(folder)
    if sign is None:
        return "not at work"
    return sign.said if sign.is_fresh else f"silent for {duration(sign.age)}, last: {sign.said}"
