"""A real SLURM cluster of two nodes for the session, and what tests ask of it."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.command_line import ROOT, TINY, command, environment

SCRIPT = Path(__file__).parent / "slurm.sh"
CANNOT = 77


class Cluster:
    """Submits the pipeline and looks at its jobs."""

    def submit(
        self, folder: Path, *words: str, cwd: Path = ROOT, base: Sequence[str] = TINY
    ) -> dict[str, str]:
        """Submit without waiting. Gives the job's id by stage, or by stage and phase."""
        launching = ("launcher=slurm", "launcher.partition=gpu", "launcher.wait=false")
        result = subprocess.run(
            command(folder, *launching, *words, base=base),
            cwd=cwd, env=environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        rows = [line.split() for line in result.stdout.splitlines()]
        return {row[0]: row[1] for row in rows if len(row) > 5 and row[1].isdigit()}

    def batch(self, *options: str) -> str:
        """Submit something else. Gives its job's id."""
        return _output("sbatch", "--parsable", "--output=/dev/null", *options).strip()

    def state(self, job: str) -> str:
        return _output("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job}").strip()

    def starts(self, job: str) -> int:
        """How often the job has been queued again."""
        facts = dict(word.split("=", 1) for word in self.describe(job).split() if "=" in word)
        return int(facts["Restarts"])

    def describe(self, job: str) -> str:
        return _output("scontrol", "show", "job", "--oneliner", job)

    def control(self, *words: str) -> None:
        _output("scontrol", *words)

    def take_down(self, node: str) -> None:
        self.control("update", f"nodename={node}", "state=down", "reason=test")

    def bring_back(self, node: str) -> None:
        """It may have come back by itself (`ReturnToService`), which SLURM then refuses to do again."""
        state = _output("sinfo", "--noheader", "--format=%t", f"--nodes={node}", "--partition=gpu")
        if "down" in state:
            self.control("update", f"nodename={node}", "state=resume")

    def cancel(self, *words: str) -> None:
        _output("scancel", *words)

    def wait_for(self, condition: Callable[[], object], seconds: float, log: Path | None = None) -> object:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                shown = log.read_text()[-4000:] if log is not None and log.exists() else "no log"
                pytest.fail(f"waited {seconds} s in vain\n{_output('squeue', '--states=all')}\n{shown}")
            time.sleep(0.1)
        return found

    def wait_for_end(self, job: str, log: Path, seconds: float = 180) -> str:
        """The job's final state."""
        final = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
        return self.wait_for(lambda: (state := self.state(job)) in final and state, seconds, log)


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    started = subprocess.run([str(SCRIPT), "start"], capture_output=True, text=True, timeout=600)
    if started.returncode == CANNOT:
        pytest.skip(f"no SLURM here: {started.stderr.strip()}")
    assert started.returncode == 0, started.stderr
    os.environ["SLURM_CONF"] = started.stdout.strip().partition("=")[2]
    yield Cluster()
    subprocess.run([str(SCRIPT), "stop"], check=True, timeout=60)
    del os.environ["SLURM_CONF"]
