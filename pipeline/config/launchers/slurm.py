"""The settings of stages as jobs of SLURM."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.launchers.base import LauncherConfig


class SlurmLauncher(LauncherConfig):
    """Each stage is submitted as a SLURM job that starts when those before it have succeeded."""

    implementation: ClassVar[str] = "pipeline.launch.slurm"
    here: ClassVar[bool] = False

    kind: Literal["slurm"] = "slurm"
    partition: str | None = None
    """Of training; None leaves it to the cluster."""
    data_partition: str | None = None
    """Of the stages that need no GPU; None takes `partition`."""
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    time: str | int | None = None
    """Limit of a training job as sbatch takes it: minutes, or `1-12:00:00`. A job that reaches it is queued again."""
    data_time: str | int | None = None
    """Limit of the other stages; None takes `time`."""
    mem: str | int | None = None
    """Memory per node, such as `200G`. None takes, of a job with GPUs, nine tenths of their share of the node, as sinfo
    tells it; of others it is left to the cluster."""
    cpus_per_task: PositiveInt | None = None
    """Cores per rank. None takes, of a job with GPUs, their share of the node's cores, as sinfo tells it; of others it
    is left to the cluster."""
    data_cpus: PositiveInt | None = None
    """Cores of a stage of one process; None takes `cpus_per_task`."""
    array: PositiveInt = 1
    """Tasks among which the parallel phases of data stages (clean, shards) are divided, as a job array each."""
    modules: list[str] = []
    """Environment modules that a job loads first."""
    container: str | None = None
    """Image for the workers (pyxis: `srun --container-image`); folders in use are mounted at the same paths."""
    container_python: str = "python3"
    """Python inside the image."""
    container_mounts: list[str] = []
    """Further mounts, `outside:inside`."""
    setup: list[str] = []
    """Shell lines of your own that a job runs before anything else."""
    extra: list[str] = []
    """Further `#SBATCH` lines, without that prefix: `--exclusive`."""
    signal_seconds: PositiveInt = 120
    """How long before the time limit workers are told to write a checkpoint and end."""
    wait: bool = True
    """Stay, show the logs, and end with the result; else return when the jobs are submitted."""
    attempts: PositiveInt = 3
    """Starts in a row that may end without a new checkpoint before the job fails instead of being queued again."""

    @property
    def waits(self) -> bool:
        return self.wait

    def reach_problems(self, nodes: int, where: str) -> list[str]:
        return []

    def problems(self) -> list[str]:
        """Each value becomes a line of a script; `setup` alone is meant to be shell."""
        found = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            texts = value if isinstance(value, list) else [value]
            if name != "setup" and any(isinstance(text, str) and "\n" in text for text in texts):
                found.append(f"{name} must be written in one line")
        return found
