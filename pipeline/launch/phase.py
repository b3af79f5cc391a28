"""One phase of a frozen stage, by itself, as a SLURM job's task.

`python -m pipeline.launch.phase FOLDER PHASE INDEX OF`
"""

import importlib
import logging
import sys
from pathlib import Path

import yaml

from pipeline.config.plugins import load_plugins
from pipeline.config.run import RunConfig
from pipeline.context import Context, Share
from pipeline.errors import told_to_user
from pipeline.frozen import FROZEN
from pipeline.launch.attempts import RESTART_CODE
from pipeline.launch.stop_signals import ToldToStop, stop_when_told
from pipeline.launch.workplace import Workplace, phase_launch
from pipeline.redaction import RedactingFormatter, redact_tracebacks
from pipeline.stages import STAGES
from pipeline.tracking.tracker import Tracker


def main(folder: Path, phase: str, share: Share) -> int:
    """Run the phase. Returns the exit code: `RESTART_CODE` where a signal asked to make way."""
    with told_to_user(), Workplace.of(folder).occupied(phase_launch(phase)):
        return _run(folder, phase, share)


def _run(folder: Path, phase: str, share: Share) -> int:
    stop_when_told()
    redact_tracebacks()
    frozen = yaml.safe_load((folder / FROZEN).read_text())
    load_plugins(frozen["plugins"])
    stage = STAGES[frozen["stage"]]
    inputs = {name: Path(path) for name, path in frozen["inputs"].items()}
    context = Context(
        folder, inputs, Tracker(None), _logger(stage.name), RunConfig(**frozen["run"]), share=share
    )
    module = importlib.import_module(stage.target.split(":")[0])
    try:
        getattr(module, phase)(stage.config.model_validate(frozen["config"]), context)
    except ToldToStop:
        return RESTART_CODE
    return 0


def _logger(stage: str) -> logging.Logger:
    """Prints; the artifact's own log is the stage's last job's."""
    console = logging.StreamHandler(sys.stdout)
    console.setFormatter(RedactingFormatter(f"{stage:<9} | %(message)s"))
    for name in (f"stage.{stage}", "pipeline", "data_prep"):
        log = logging.getLogger(name)
        log.setLevel(logging.INFO)
        log.handlers, log.propagate = [console], False
    return logging.getLogger(f"stage.{stage}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Share(int(sys.argv[3]), int(sys.argv[4]))))
