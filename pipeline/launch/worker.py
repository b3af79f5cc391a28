"""A worker runs one frozen stage in the folder that the planner prepared.

`python -m pipeline.launch.worker FOLDER LAUNCH`
"""

import importlib
import logging
import os
import platform
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.base import Section
from pipeline.config.plugins import load_plugins
from pipeline.config.run import RunConfig, TrackingConfig
from pipeline.context import Context
from pipeline.errors import Restart, message_for_user, told_to_user
from pipeline.frozen import FROZEN
from pipeline.launch.attempts import RESTART_CODE, ask_for_restart, newest_step
from pipeline.launch.ranks import RankFile, is_running
from pipeline.launch.stop_signals import ToldToStop, stop_when_told
from pipeline.launch.workplace import Workplace
from pipeline.machine import describe_machine, host_name
from pipeline.redaction import RedactingFormatter, redact_tracebacks, redacted, secret_values
from pipeline.stages import STAGES, Stage
from pipeline.store.artifacts import PARTIAL, finish
from pipeline.tracking import open_tracker

RESTART_SECONDS = 60.0
"""How long other ranks wait for rank 0 to save what it must before they end."""
PACKAGES = (
    "torch",
    "pytorch-lightning",
    "deepspeed",
    "transformers",
    "tokenizers",
    "datasets",
    "pyarrow",
    "numpy",
)


def main(folder: Path, launch: str) -> int:
    """Run the stage; rank 0 finishes its artifact.

    Args:
        launch: the id of the launch that this process is a part of.

    Returns the exit code: 2 for a mistake of the user's, `RESTART_CODE` where it wants to be started again.
    """
    rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    os.environ.pop("SLURM_NTASKS", None)  # Lightning would take its ranks from SLURM
    final = folder.with_name(folder.name.removesuffix(PARTIAL))
    if not (folder / FROZEN).is_file() and not final.is_dir():
        print(
            f"error: rank {rank} on {host_name()} does not see {folder / FROZEN}: run.artifacts must lie on a "
            "filesystem that all nodes share",
            file=sys.stderr,
        )
        return 2
    with told_to_user(), Workplace.of(folder).occupied(launch):
        return _run_recorded(folder, rank, world_size)


def _run_recorded(folder: Path, rank: int, world_size: int) -> int:
    stop_when_told()
    redact_tracebacks()
    record = RankFile(folder, rank)
    try:
        _run(folder, rank, world_size, record)
    except (Restart, ToldToStop) as stop:
        return _end_for_now(folder, rank, stop, record)
    except BaseException as error:
        message = message_for_user(error)
        if message is None:
            text = "".join(traceback.format_exception(error))
            record.set("failed", redacted(text, secret_values(os.environ)))
            raise
        record.set("failed", redacted(message, secret_values(os.environ)), users=True)
        return 2
    return 0


def _end_for_now(folder: Path, rank: int, stop: "Restart | ToldToStop", record: RankFile) -> int:
    """The first rank that ends makes its launcher kill those that are left: rank 0 goes first."""
    if rank == 0:
        _ask_for_restart(folder, stop)
    record.set("restart")
    deadline = time.monotonic() + RESTART_SECONDS
    while rank > 0 and is_running(folder, 0) and time.monotonic() < deadline:
        time.sleep(0.2)
    return RESTART_CODE


def _ask_for_restart(folder: Path, stop: "Restart | ToldToStop") -> None:
    known = isinstance(stop, Restart)
    ask_for_restart(folder, stop if known else Restart("preempted", newest_step(folder)))


def _run(folder: Path, rank: int, world_size: int, record: RankFile) -> None:
    frozen = yaml.safe_load((folder / FROZEN).read_text())
    load_plugins(frozen["plugins"])
    stage = STAGES[frozen["stage"]]
    run, tracking = RunConfig(**frozen["run"]), TrackingConfig(**frozen["tracking"])
    log = _logger(stage.name, folder, rank)
    tracker = open_tracker(tracking, run, frozen, folder, rank)
    inputs = {name: Path(path) for name, path in frozen["inputs"].items()}
    context = Context(folder, inputs, tracker, log, run, rank, world_size, activity=record.activity)
    started = time.time()
    try:
        metrics = run_body(stage, stage.config.model_validate(frozen["config"]), context)
    except (Restart, ToldToStop) as stop:
        if rank == 0:
            _ask_for_restart(folder, stop)  # before W&B, which may take its time
        tracker.pause()
        if isinstance(stop, Restart):
            log.info(f"{stop.reason}: a checkpoint is kept, step {stop.step:,}")
        raise
    except BaseException as error:
        tracker.finish({}, None)
        if message := message_for_user(error):
            log.debug("%s", traceback.format_exc())
            log.error("%s", message)
        raise
    record.set("done")
    if rank > 0:
        return
    _close_file(stage.name)
    manifest = {
        **{key: frozen[key] for key in ("stage", "version", "fingerprint", "config", "input_fingerprints")},
        "inputs": frozen["inputs"],
        "metrics": metrics,
        "run": run.name,
        "seconds": round(time.time() - started, 2),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": host_name(),
        "ranks": world_size,
        "hardware": describe_machine(),
        "tracking": tracker.identity(),
        "git_commit": frozen["git_commit"],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }
    record.wait_for_all(world_size)
    tracker.finish(metrics, finish(folder, manifest))


def run_body(stage: Stage, config: Section, context: Context) -> dict[str, Any]:
    """The stage's phases, then its body, whose metrics it gives."""
    name, function = stage.target.split(":")
    module = importlib.import_module(name)
    for phase in stage.phases:
        context.activity.note(phase.name)
        getattr(module, phase.name)(config, context)
    context.activity.note(stage.name)
    return getattr(module, function)(config, context)


def _logger(stage: str, folder: Path, rank: int) -> logging.Logger:
    """The stage's logger; what its packages log by module name goes the same way."""
    console = logging.StreamHandler(sys.stdout)
    console.setLevel(logging.INFO if rank == 0 else logging.ERROR)
    prefix = "" if rank == 0 else f"rank {rank} on {host_name()}: "
    console.setFormatter(RedactingFormatter(f"{stage:<9} | {prefix}%(message)s"))
    handlers: list[logging.Handler] = [console]
    if rank == 0:
        file = logging.FileHandler(folder / "log.txt")
        file.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
        file.handleError = lambda record: None  # on a full disk the console's line is enough
        handlers.append(file)
    for log in _loggers(stage):
        log.setLevel(logging.DEBUG)
        log.propagate = False
        log.handlers = list(handlers)
    return logging.getLogger(f"stage.{stage}")


def _loggers(stage: str) -> list[logging.Logger]:
    names = (f"stage.{stage}", "pipeline", "data_prep", "train", "eval")
    return [logging.getLogger(name) for name in names]


def _close_file(stage: str) -> None:
    """End log.txt: from here on it is an output, and must stay as the manifest says."""
    for log in _loggers(stage):
        files = [handler for handler in log.handlers if isinstance(handler, logging.FileHandler)]
        log.handlers = [handler for handler in log.handlers if handler not in files]
        for file in files:
            file.close()


def _version(package: str) -> Any:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
