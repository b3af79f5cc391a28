"""What a start changes in a run that is there: said before anything is built, since its links then lead elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.differences import as_typed
from pipeline.config.differences import changes as config_changes
from pipeline.config.root import RootConfig
from pipeline.formats.run_folder import RUN_FILE, command_for
from pipeline.plan import PlannedStage
from pipeline.stages import STAGES
from pipeline.store.written_spec import WrittenSpec
from pipeline.text.enumeration import enumerated
from pipeline.typed_command import DEFAULTS, settings_in

PASSING = ("stage", "dryrun", "show_config", "verify", "run", "launcher", "tracking", "sweep")
"""Settings of a start and not of what it makes."""
SHOWN = 6
"""Settings that are listed at most."""


def last_settings(run: Path) -> dict[str, Any]:
    """With what the run was started last; nothing where it was not, or its file is damaged."""
    try:
        found = yaml.safe_load((run / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def changes(
    root: RootConfig, plan: Sequence[PlannedStage], before: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[str]:
    """Which links of the run will lead to other artifacts, and why, in words; nothing where none will.

    Args:
        before, now: the settings of the run's last start and of this one, as its file holds them.
    """
    run = root.run.folder
    links = {name: link.readlink().name for name in STAGES if (link := run / name).is_symlink()}
    planned = {each.stage.name: each.fingerprint for each in plan}
    moving = [
        name
        for name, fingerprint in planned.items()
        if name in links and not links[name].endswith(fingerprint)
    ]
    if not moving:
        return
    others = _listed_changes(before, now) or "the program or files that it reads have changed"
    where = enumerated([f"{name} ({links[name]})" for name in moving])
    yield (
        f"the run {run.name} was started otherwise before: {others}. Its links will lead to what this start makes, in "
        f"place of {where}, which {'stays' if len(moving) == 1 else 'stay'} in {root.run.artifacts}; to keep both as "
        "runs, give this one a name of its own (run.name=…)"
    )
    if old := [name for name in links if name not in planned and _is_outdated(run / name, planned)]:
        yield (
            f"its {enumerated(old)} {'stays' if len(old) == 1 else 'stay'} as before, made from what was: "
            f"stage={old[-1]} brings all up to date"
        )
    newest = _newest_other(run)
    unsaid = _experiment(now) == DEFAULTS["experiment"]
    if unsaid and newest is not None and _experiment(last_settings(newest)) != _experiment(now):
        yield f"should {newest.name} be meant, the run that was started last: {command_for(newest, root.stage)}"


def _listed_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    found = config_changes(_making(before), _making(now))
    shown = [f"{key} {as_typed(old)} → {as_typed(new)}" for key, old, new in found[:SHOWN]]
    return enumerated([*shown, *([f"{len(found) - SHOWN} more"] if len(found) > SHOWN else [])])


def _making(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of what a start makes."""
    return {name: value for name, value in settings.items() if name not in PASSING}


def _experiment(settings: Mapping[str, Any]) -> str:
    """That of the command."""
    words = settings_in(str((settings.get("run") or {}).get("command") or ""))
    found = [word.removeprefix("experiment=") for word in words if word.startswith("experiment=")]
    return found[-1] if found else DEFAULTS["experiment"]


def _is_outdated(link: Path, planned: Mapping[str, str]) -> bool:
    """Whether an artifact was made of others than this start brings up to date."""
    try:
        inputs = WrittenSpec.read(link).input_fingerprints
    except (OSError, ValueError):
        return False  # gone or damaged: whoever reads it says so
    return any(planned.get(name, fingerprint) != fingerprint for name, fingerprint in inputs.items())


def _newest_other(run: Path) -> Path | None:
    """The run that was started last, unless it is this one."""
    files = [*run.parent.glob(f"*/{RUN_FILE}")]
    newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
    return newest.parent if newest is not None and newest.parent != run else None
