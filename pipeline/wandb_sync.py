"""Sends runs that were kept offline to Weights & Biases: `python -m pipeline.wandb_sync`."""

import os
import subprocess
import sys
from pathlib import Path

from pipeline.errors import exit_on_user_error
from pipeline.tracking.wandb import check_key, wandb_program

PATTERNS = ("runs/*/wandb/offline-run-*", "runs/sweeps/*/wandb/offline-run-*")


def main() -> None:
    """Send all runs below the folder that the command was typed in."""
    runs = sorted(str(path) for pattern in PATTERNS for path in Path().glob(pattern))
    if not runs:
        print("no offline runs below runs/")
        return
    with exit_on_user_error():
        check_key("sending runs to Weights & Biases", os.environ)
    sys.exit(subprocess.run([str(wandb_program()), "sync", *runs]).returncode)


if __name__ == "__main__":
    main()
