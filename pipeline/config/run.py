"""Where and how a run happens: none of it changes a result."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.config.base import Section
from pipeline.redaction import masked
from pipeline.remote.listing import is_remote


class RunConfig(Section):
    """A run's name and folders."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=128)] = "demo"
    """Folder below `runs`, W&B group (of 128 characters at most), and label of the artifacts that this run builds."""
    artifacts: str = "artifacts"
    """The store: shared by all runs, safe to share between users of a cluster."""
    runs: str = "runs"
    progress: bool = True
    """Progress bars; without a terminal a line now and then."""
    command: str | None = None
    """Left to the program: the command line that started the run, for its report."""

    def problems(self) -> list[str]:
        return [
            f"{name}={masked(place)} must be a folder, on a file system that all machines of the run share: object "
            "storage has no renames and locks, by which artifacts are complete or absent"
            for name, place in (("artifacts", self.artifacts), ("runs", self.runs))
            if is_remote(place)
        ]


class TrackingConfig(Section):
    """Experiment tracking. Metrics are always kept in the artifact too."""

    backend: Literal["wandb", "none"] = "wandb"
    mode: Literal["auto", "online", "offline"] = "auto"
    """`auto`: online where a W&B key is found, else offline."""
    project: str = "lm-workflow"
    entity: str | None = None
    group: str | None = None
    """W&B group; None takes the run's name, and a sweep its own."""
    tags: list[str] = []


class _Launcher(Section):
    env: dict[str, str] = {}
    """Environment variables for the workers. Their values are kept in no file, but for the settings of SLURM jobs that
    are not over, which only you can read."""
    rank_timeout: Annotated[float, Field(ge=20)] | None = 600.0
    """Seconds after which a rank that stands still is ended, and its launch has failed; null waits for ever. Ranks
    give a sign of life every five seconds; a warning comes after a minute without one, or half of this."""


class LocalLauncher(_Launcher):
    """Workers are started on this machine: one process, or one per device under torchrun."""

    kind: Literal["local"] = "local"
    attempts: PositiveInt = 1
    """Launches in a row that may end without a new checkpoint before the stage fails."""


class TorchrunLauncher(_Launcher):
    """Workers are started on several machines: the same command is given on each, and they meet at `rendezvous`."""

    kind: Literal["torchrun"] = "torchrun"
    rendezvous: Annotated[str | None, Field(pattern=r"^[^\s/]+:\d+$")] = None
    """`host:port` on one of the machines, the same for all; needed for more than one."""
    attempts: PositiveInt = 1
    """Launches in a row that may end without a new checkpoint before the stage fails."""


class SlurmLauncher(_Launcher):
    """Each stage is submitted as a SLURM job that starts when those before it have succeeded."""

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
    """Memory per node, such as `200G`."""
    cpus_per_task: PositiveInt | None = None
    """Cores per rank."""
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
    """How long before the time limit workers are told to write a checkpoint and make way."""
    wait: bool = True
    """Stay, show the logs, and end with the result; else return when the jobs are submitted."""
    attempts: PositiveInt = 3
    """Starts in a row that may end without a new checkpoint before the job fails instead of being queued again."""

    def problems(self) -> list[str]:
        """Each value becomes a line of a script; `setup` alone is meant to be shell."""
        found = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            texts = value if isinstance(value, list) else [value]
            if name != "setup" and any(isinstance(text, str) and "\n" in text for text in texts):
                found.append(f"{name} must be written in one line")
        return found


LauncherConfig = Annotated[LocalLauncher | TorchrunLauncher | SlurmLauncher, Field(discriminator="kind")]
