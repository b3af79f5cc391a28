"""A worker: runs one frozen stage in the folder that the planner prepared. `python -m pipeline.worker FOLDER`."""

import importlib
import logging
import os
import platform
import socket
import subprocess
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.run import RunConfig, TrackingConfig
from pipeline.context import Context
from pipeline.errors import Restart, message_for_user
from pipeline.machine import describe_machine
from pipeline.stages import STAGES
from pipeline.store import finish, write_json
from pipeline.tracking import open_tracker

FROZEN = "stage.yaml"
RESTART_FILE, RESTART_CODE = "restart.json", 75
"""How a worker says that it wants to be started again: rank 0 writes the file, all ranks end with the code."""
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


def main(folder: Path) -> int:
    """Run the stage; rank 0 finishes its artifact. Returns the exit code: 2 for a mistake of the user's."""
    rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    frozen = yaml.safe_load((folder / FROZEN).read_text())
    stage = STAGES[frozen["stage"]]
    run, tracking = RunConfig(**frozen["run"]), TrackingConfig(**frozen["tracking"])
    log = _logger(stage.name, folder, rank)
    tracker = open_tracker(tracking, run, frozen, folder, rank)
    inputs = {name: Path(path) for name, path in frozen["inputs"].items()}
    context = Context(folder, inputs, tracker, log, run, rank, world_size)
    started = time.time()
    try:
        module, function = stage.target.split(":")
        body = getattr(importlib.import_module(module), function)
        metrics = body(stage.config.model_validate(frozen["config"]), context)
    except Restart as restart:
        tracker.pause()
        if rank == 0:
            log.info(f"{restart.reason}: a checkpoint is kept, step {restart.step:,}")
            write_json(folder / RESTART_FILE, {"reason": restart.reason, "step": restart.step})
        return RESTART_CODE
    except BaseException as error:
        tracker.finish({}, None)
        message = message_for_user(error)
        if message is None:
            raise
        log.debug("%s", traceback.format_exc())
        log.error("%s", message)
        return 2
    if rank == 0:
        for handler in log.handlers:
            handler.flush()
        manifest = {
            **{
                key: frozen[key]
                for key in ("stage", "version", "fingerprint", "config", "input_fingerprints")
            },
            "inputs": frozen["inputs"],
            "metrics": metrics,
            "run": run.name,
            "seconds": round(time.time() - started, 2),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": socket.gethostname(),
            "ranks": world_size,
            "hardware": describe_machine(),
            "tracking": tracker.identity(),
            "git_commit": _git_commit(),
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in PACKAGES},
        }
        tracker.finish(metrics, finish(folder, manifest))
    return 0


def _logger(stage: str, folder: Path, rank: int) -> logging.Logger:
    """The stage's logger; what its packages log by module name goes the same way."""
    console = logging.StreamHandler(sys.stdout)
    console.setLevel(logging.INFO if rank == 0 else logging.ERROR)
    prefix = "" if rank == 0 else f"rank {rank} on {socket.gethostname()}: "
    console.setFormatter(logging.Formatter(f"{stage:<9} | {prefix}%(message)s"))
    handlers: list[logging.Handler] = [console]
    if rank == 0:
        file = logging.FileHandler(folder / "log.txt")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        file.handleError = lambda record: None  # on a full disk the console's line is enough
        handlers.append(file)
    for name in (f"stage.{stage}", "pipeline", "data_prep", "train", "eval"):
        log = logging.getLogger(name)
        log.setLevel(logging.DEBUG)
        log.propagate = False
        log.handlers = list(handlers)
    return logging.getLogger(f"stage.{stage}")


def _git_commit() -> str | None:
    """The checkout's commit, with `-dirty` where it has uncommitted changes; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(package: str) -> Any:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
