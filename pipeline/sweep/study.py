"""Optuna's study of a sweep that is started again, made anew from the jobs that the sweep remembers."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, open_dict

from pipeline.config.sweep import SweepConfig
from pipeline.sweep.jobs import Job


def continue_study(sweeper: DictConfig, settings: SweepConfig, known: Sequence[Job]) -> None:
    """Set up Optuna's sweeper so that it goes on from the known jobs.

    `n_trials` counts finished jobs of earlier starts too. Those that failed or were interrupted are tried first, and
    a seeded sampler goes on with numbers that it has not drawn yet.
    """
    finished = [job for job in known if job.state == "finished"]
    with open_dict(sweeper):
        sweeper.direction = settings.direction
        sweeper.n_jobs = settings.parallel
        sweeper.n_trials = max(sweeper.n_trials - len(finished), 0)
        sweeper.max_failure_rate = 1.0  # one failure does not stop the others
        sweeper.study_name = "sweep"
        sweeper.storage = {
            "_target_": "pipeline.sweep.study.remembered",
            "direction": settings.direction,
            "space": [f"{key}={value}" for key, value in (sweeper.params or {}).items()],
            "finished": [{"swept": job.swept, "objective": job.objective} for job in finished],
            "retry": [job.swept for job in known if job.state != "finished"],
        }
        if sweeper.sampler.get("seed") is not None:
            sweeper.sampler.seed += len(known)


def remembered(
    direction: str,
    space: Sequence[str],
    finished: Sequence[Mapping[str, Any]],
    retry: Sequence[Mapping[str, str]],
) -> Any:
    """An Optuna storage with the finished trials in it, and those to retry in its queue.

    Args:
        space: the swept keys as Hydra's overrides, such as `++optim.lr=interval(1e-4,1e-2)`.

    Trials outside of the space, which may have been changed since, are left out.
    """
    import optuna
    from hydra_plugins.hydra_optuna_sweeper._impl import create_params_from_overrides

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # of what is used below
    # It would complain of the None that tells it of a failure.
    logging.getLogger("hydra_plugins.hydra_optuna_sweeper._impl").setLevel(logging.ERROR)
    distributions, _ = create_params_from_overrides(list(space))
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="sweep", direction=direction)
    for trial in finished:
        if params := _params(trial["swept"], distributions):
            study.add_trial(
                optuna.trial.create_trial(
                    params=params, distributions=distributions, value=trial["objective"]
                )
            )
    for swept in retry:
        if params := _params(swept, distributions):
            study.enqueue_trial(params)
    return storage


def _params(swept: Mapping[str, str], distributions: Mapping[str, Any]) -> dict[str, Any] | None:
    """The values as Optuna drew them; None where one of them is not in the space."""
    from optuna.distributions import CategoricalDistribution

    params: dict[str, Any] = {}
    for name, distribution in distributions.items():
        text = swept.get(name.lstrip("+"))
        if text is None:
            return None
        if isinstance(distribution, CategoricalDistribution):
            chosen = [choice for choice in distribution.choices if str(choice) == text]
            if not chosen:
                return None
            params[name] = chosen[0]
            continue
        value = float(text)
        params[name] = int(value) if type(distribution).__name__.startswith("Int") else value
        if not distribution._contains(value):
            return None
    return params if len(params) == len(swept) else None
