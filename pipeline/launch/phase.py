"""One phase of a stage, by itself, as a SLURM job's task.

`python -m pipeline.launch.phase FOLDER PHASE INDEX OF`
"""

import sys
from pathlib import Path

from pipeline.context import Context, Share
from pipeline.errors import exit_on_user_error
from pipeline.launch.attempts import RESTART_CODE
from pipeline.launch.stage_code import run_phase
from pipeline.launch.stage_log import StageLog
from pipeline.launch.stop_signals import ToldToStop, stop_when_told
from pipeline.launch.workplace import Workplace, phase_launch
from pipeline.redaction import redact_tracebacks
from pipeline.stage_spec import WorkerSpec
from pipeline.stages import STAGES
from pipeline.store.artifacts import SPEC_FILE
from pipeline.tracking.tracker import Tracker


def main(folder: Path, phase: str, share: Share) -> int:
    """Run the phase. Returns the exit code: `RESTART_CODE` where a signal asked it to stop early."""
    with exit_on_user_error(), Workplace.of(folder).occupied(phase_launch(phase)):
        return _run(folder, phase, share)


def _run(folder: Path, phase: str, share: Share) -> int:
    stop_when_told()
    redact_tracebacks()
    spec = WorkerSpec.load(folder / SPEC_FILE)
    log = StageLog(spec.stage).logger  # the artifact's own log is the stage's last job's
    context = Context(folder, spec.inputs, Tracker(None), log, spec.run, share=share)
    try:
        run_phase(STAGES[spec.stage], phase, spec.settings, context)
    except ToldToStop:
        return RESTART_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Share(int(sys.argv[3]), int(sys.argv[4]))))
