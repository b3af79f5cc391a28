"""A worker runs one stage in the folder that the planner prepared.

`python -m pipeline.launch.worker FOLDER LAUNCH`
"""

import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import closing
from importlib import metadata
from pathlib import Path

from pipeline.context import Context
from pipeline.errors import Restart, exit_on_user_error, first_line, message_for_user
from pipeline.formats.checkpoints import written_hashes
from pipeline.launch.attempts import RESTART_CODE, ask_for_restart, newest_step
from pipeline.launch.ranks import RankFile, is_running
from pipeline.launch.stage_code import run_stage
from pipeline.launch.stage_log import StageLog
from pipeline.launch.stop_signals import ToldToStop, stop_when_told
from pipeline.launch.time_at_work import earlier_times
from pipeline.launch.workplace import Workplace
from pipeline.live_line import LIVE_LINE
from pipeline.machine import describe_machine, host_name
from pipeline.redaction import redact_tracebacks, redacted, secret_values
from pipeline.stage_spec import WorkerSpec
from pipeline.stages import STAGES
from pipeline.store.artifacts import PARTIAL, SPEC_FILE, finish
from pipeline.store.manifest import StageFacts, StageMetrics
from pipeline.tracking import open_tracker
from pipeline.tracking.tracker import TrackedStage, Tracker

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
    if not (folder / SPEC_FILE).is_file() and not final.is_dir():
        print(
            f"error: rank {rank} on {host_name()} does not see {folder / SPEC_FILE}: run.artifacts must lie on a "
            "filesystem that all nodes share",
            file=sys.stderr,
        )
        return 2
    with exit_on_user_error(), Workplace.of(folder).occupied(launch):
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
    spec = WorkerSpec.load(folder / SPEC_FILE)
    stage_log = StageLog(spec.stage, rank, folder if rank == 0 else None)
    log = stage_log.logger
    tracked = TrackedStage(spec.stage, spec.fingerprint, spec.config, spec.input_fingerprints)
    tracker = open_tracker(spec.tracking, spec.run, tracked, folder, rank)
    context = Context(folder, spec.inputs, tracker, log, spec.run, rank, world_size, activity=record.activity)
    earlier, started = earlier_times(folder), time.time()
    try:
        with closing(LIVE_LINE):
            metrics = run_stage(STAGES[spec.stage], spec.settings, context)
    except (Restart, ToldToStop) as stop:
        if rank == 0:
            _ask_for_restart(folder, stop)  # before W&B, which may take its time
        tracker.pause()
        if isinstance(stop, Restart):
            log.info(_told(stop))
        raise
    except BaseException as error:
        tracker.alert(f"{spec.run.name}: {spec.stage} failed", message_for_user(error) or first_line(error))
        tracker.finish({}, None)
        if message := message_for_user(error):
            log.debug("%s", traceback.format_exc())
            log.error("%s", message)
        raise
    if rank > 0:
        record.set("done")
        return
    stage_log.close_file()
    facts = _facts(spec, metrics, world_size, [*earlier, time.time() - started], tracker)
    record.wait_for_others(world_size)
    context.activity.note("hashing outputs")  # for minutes, where they are large: signs of life go on
    tracker.finish(metrics, finish(folder, facts, written_hashes(folder), record.close))


def _told(stop: Restart) -> str:
    if stop.reason == "rollback":
        return f"going back to the checkpoint of step {stop.step:,}"
    return f"told to stop: saved up to step {stop.step:,}" if stop.step else "told to stop"


def _facts(
    spec: WorkerSpec, metrics: StageMetrics, ranks: int, times: Sequence[float], tracker: Tracker
) -> StageFacts:
    return {
        "stage": spec.stage,
        "version": spec.version,
        "fingerprint": spec.fingerprint,
        "config": spec.config,
        "input_fingerprints": spec.input_fingerprints,
        "inputs": {name: str(folder) for name, folder in spec.inputs.items()},
        "metrics": metrics,
        "run": spec.run.name,
        "seconds": round(sum(times), 2),
        "launches": len(times),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": host_name(),
        "ranks": ranks,
        "hardware": describe_machine(),
        "tracking": tracker.identity(),
        "git_commit": spec.git_commit,
        "git_remote": spec.git_remote,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
