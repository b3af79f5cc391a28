"""What jobs of a scheduler are made of: stages, or phases of them that several machines share."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.config.run import RunConfig
from pipeline.stage_spec import StageSpec
from pipeline.stages import STAGES, Phase


@dataclass(frozen=True)
class Unit:
    """What one job does: a stage, or one phase of it in one or several tasks."""

    spec: StageSpec
    phase: Phase | None = None
    tasks: int = 1
    """Of an array of tasks that share the phase; 1 for a job that is none."""

    @property
    def name(self) -> str:
        return f"{self.spec.stage}-{self.phase.name}" if self.phase else self.spec.stage


def units(spec: StageSpec, tasks: int) -> list[Unit]:
    """The jobs of a stage, each after the one before. The last does what is left, and finishes the artifact.

    Args:
        tasks: among which its parallel phases are divided; 1 leaves the stage whole.
    """
    phases = STAGES[spec.stage].phases if tasks > 1 else ()
    return [*(Unit(spec, phase, tasks if phase.parallel else 1) for phase in phases), Unit(spec)]


def shape(spec: StageSpec) -> tuple[int, int]:
    """Nodes, and tasks on each."""
    return (spec.trainer.nodes, spec.trainer.devices) if spec.trainer else (1, 1)


def folders_in_use(run: RunConfig) -> list[str]:
    """What a container needs to see."""
    places = {str(Path(place).resolve()) for place in (".", run.artifacts, run.runs)}
    return sorted(places)
