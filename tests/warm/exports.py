"""The process that loads an export, forked from the server: it shuts the project out all the same."""

import subprocess
from types import SimpleNamespace

from tests.warm.process import run_warm


def _run(command: list[str], env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
    return run_warm(env, "tests.warm.script", *command[2:])


WARM = SimpleNamespace(run=_run, DEVNULL=subprocess.DEVNULL)
"""In place of `subprocess`, in `train.exporting.parity`."""
