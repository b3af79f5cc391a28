"""SLURM's commands, as far as they are needed here."""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.errors import UserError
from pipeline.text.counts import counted

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
GONE = "GONE"


def sbatch(script: Path, after: Sequence[str]) -> str:
    """Submit a script that starts when the jobs `after` have succeeded. Gives the job's id."""
    options = [f"--dependency=afterok:{':'.join(after)}"] if after else []
    return run("sbatch", "--parsable", *options, str(script)).strip().split(";")[0]


def my_jobs() -> dict[str, str]:
    """Id of each job (of an array: the array's) of this user that waits or runs, by its comment."""
    lines = run("squeue", "--me", "--noheader", "--format=%F|%T|%k").splitlines()
    rows = [line.split("|", 2) for line in lines]
    return {comment: job for job, state, comment in rows if state not in FINAL}


def states(jobs: Iterable[str]) -> dict[str, tuple[str, str]]:
    """(state, reason) of each job; `GONE` where SLURM has forgotten it, as it does some minutes after the end.

    An array runs while one of its tasks is not through, and has failed where one has; its reason is a count.
    """
    found = dict.fromkeys(jobs, (GONE, ""))
    listing = ("squeue", f"--jobs={','.join(found)}", "--states=all", "--noheader", "--array")
    try:
        rows = [line.split("|", 3) for line in run(*listing, "--format=%i|%F|%T|%r").splitlines()]
    except UserError as error:
        if "Invalid job id" not in str(error):
            raise
        return found
    tasks: dict[str, list[tuple[str, str]]] = {}
    for task, array, state, reason in rows:
        tasks.setdefault(task if task in found else array, []).append((state, reason))
    return found | {job: _together(states) for job, states in tasks.items()}


def _together(tasks: list[tuple[str, str]]) -> tuple[str, str]:
    """The state of an array from those of its tasks."""
    if len(tasks) == 1:
        return tasks[0]
    kinds = [state for state, _ in tasks]
    done = kinds.count("COMPLETED")
    unfinished = [state for state in kinds if state not in FINAL]
    if unfinished:
        state = "PENDING" if set(kinds) == {"PENDING"} else "RUNNING"
        return state, f"{done} of {counted(len(tasks), 'task')} done"
    bad = next((state for state in kinds if state != "COMPLETED"), None)
    return (bad, f"{done} of {counted(len(tasks), 'task')} done") if bad else ("COMPLETED", "")


def log_of(job: str) -> Path | None:
    """Where a job's output goes."""
    return output_of(run("scontrol", "show", "job", "--oneliner", job))


def output_of(shown: str) -> Path | None:
    """The path behind `StdOut=`, which may have spaces: it ends where the next field, or the line, begins or ends."""
    found = re.search(r"\bStdOut=(.+?)\s*(?= [A-Z]\w*=|$)", shown, re.MULTILINE)
    return Path(found[1]) if found else None


def requeue(job: str) -> None:
    run("scontrol", "requeue", job)


def run(*command: str) -> str:
    """Output of one of SLURM's commands.

    Raises:
        UserError: where the command is absent or fails.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    except FileNotFoundError:
        raise UserError(
            f"{command[0]} is not found: launcher=slurm needs SLURM's commands; start from a login node"
        ) from None
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{command[0]} does not answer; is the cluster's controller up (scontrol ping)?"
        ) from None
    except subprocess.CalledProcessError as error:
        raise UserError(f"{command[0]} says: {error.stderr.strip()}") from None
