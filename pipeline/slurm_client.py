"""SLURM's commands, as far as they are needed here."""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.errors import UserError

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
GONE = "GONE"


def sbatch(script: Path, after: Sequence[str]) -> str:
    """Submit a script that starts when the jobs `after` have succeeded. Gives the job's id."""
    options = [f"--dependency=afterok:{':'.join(after)}"] if after else []
    return run("sbatch", "--parsable", *options, str(script)).strip().split(";")[0]


def my_jobs() -> dict[str, str]:
    """Id of each job of this user that waits or runs, by its comment."""
    lines = run("squeue", "--me", "--noheader", "--format=%i|%T|%k").splitlines()
    rows = [line.split("|", 2) for line in lines]
    return {comment: job for job, state, comment in rows if state not in FINAL}


def states(jobs: Iterable[str]) -> dict[str, tuple[str, str]]:
    """(state, reason) of each job; `GONE` where SLURM has forgotten it, as it does some minutes after the end."""
    found = dict.fromkeys(jobs, (GONE, ""))
    try:
        listed = run("squeue", f"--jobs={','.join(found)}", "--states=all", "--noheader", "--format=%i|%T|%r")
    except UserError as error:
        if "Invalid job id" not in str(error):
            raise
        return found
    return found | {row[0]: (row[1], row[2]) for row in (line.split("|", 2) for line in listed.splitlines())}


def log_of(job: str) -> Path | None:
    """Where a job's output goes."""
    found = re.search(r"StdOut=(\S+)", run("scontrol", "show", "job", "--oneliner", job))
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
