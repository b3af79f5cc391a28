"""The launcher that Hydra's sweepers hand their jobs to. Hydra takes plugins from a package of this name only."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class PlannerLauncherConf:
    _target_: str = "hydra_plugins.planner_launcher.PlannerLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="planners", node=PlannerLauncherConf)


class PlannerLauncher(Launcher):
    """Each job is a planner in a process of its own, so that one that fails does not take the others along."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from pipeline.sweep.driver import Sweep

        self._sweep = next(c for c in hydra_context.callbacks.callbacks if isinstance(c, Sweep))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """The objective of each job; None, which Optuna takes for a failure, of one that failed."""
        returned = []
        for overrides, objective in zip(job_overrides, self._sweep.run(job_overrides), strict=True):
            job = JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED)
            job.return_value = objective
            returned.append(job)
        return returned
