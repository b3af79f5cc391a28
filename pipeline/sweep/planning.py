"""From what Hydra's sweeper chose to jobs whose configuration is checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict
from pydantic import TypeAdapter, ValidationError

from pipeline.config.composition import plain_tree
from pipeline.config.left_out import typed_keys
from pipeline.config.models import ModelConfig
from pipeline.config.parsing import parse_config
from pipeline.config.run import RunConfig
from pipeline.config.sweep import SweepConfig
from pipeline.config.trackers import TrackingConfig
from pipeline.errors import UserError
from pipeline.plan import plan_stages
from pipeline.redaction import shown_overrides
from pipeline.store.artifacts import Store
from pipeline.sweep.jobs import Job, run_name, sweep_name
from pipeline.sweep.objective import check_metric
from pipeline.sweep.processes import divided_gpus
from pipeline.typed_command import to_type

OWN_SECTIONS = ("run", "tracking", "sweep", "launcher")
"""Sections that all jobs have in common."""


class _Task(Protocol):
    def check_base(self, model: ModelConfig, name: str) -> None: ...


class _TaskModule(Protocol):
    """What a sweep asks of the module of a fine-tuning task."""

    TASK: _Task


class SweepPlan:
    """The sweep's own settings, and its jobs as they are asked for."""

    def __init__(self, config: DictConfig):
        """Args: config: Hydra's, of the whole multirun, without what is swept. What is swept
            goes into its sweeper's `params`, what is not stays among its overrides.

        Raises:
            UserError: for problems of the sections that all jobs have in common.
        """
        self._config = config
        self._gpus_of_a_job = 0
        values = _values(config)
        try:
            self.settings = SweepConfig.model_validate(values["sweep"])
            self.base = RunConfig.model_validate(values["run"])
            self.tracking = TypeAdapter(TrackingConfig).validate_python(values["tracking"])
        except ValidationError:
            parse_config(values)  # tells all problems
            raise
        choice = config.hydra.runtime.choices.get("sweep")
        self._jobs_name = self.settings.name or (f"{self.base.name}-{choice}" if choice else self.base.name)
        """Beginning of the names of its runs."""
        self.store = Store(Path(self.base.artifacts))
        self.only_shown = bool(values["dryrun"] or values["show_config"])
        """Whether the jobs are listed and none is started."""
        # Hydra saves the whole configuration where it sweeps, keys of launcher.env included.
        self._hydras_files = TemporaryDirectory(prefix="sweep-")
        with open_dict(config):
            config.hydra.sweep.dir = self._hydras_files.name
            swept, self._fixed = _swept_and_fixed(config)
            config.hydra.sweeper.params = swept
            config.hydra.overrides.task = self._fixed
        self._swept = list(swept)
        if not self._swept:
            raise UserError(
                "a sweep needs keys with several values, such as optim.lr=1e-3,3e-3, or an option sweep=… that "
                "has them (conf/sweep/)"
            )
        keys = [key.lstrip("+") for key in self._swept]
        named = self.settings.name is not None or choice is not None
        name = self._jobs_name if named else sweep_name(self.base.name, keys)
        self.run = RunConfig(name=name, runs=str(Path(self.base.runs) / "sweeps"))
        """Name and folder of the sweep itself."""
        self.folder = self.run.folder
        if self.settings.compare is not None and self.settings.compare not in keys:
            raise UserError(
                f"sweep.compare={self.settings.compare} is not among what is swept ({', '.join(keys)}); name one of "
                "these, or leave it out"
            )
        for key in self._swept:
            if key.lstrip("+").split(".")[0] in OWN_SECTIONS:
                raise UserError(f"{key.lstrip('+')} cannot be swept: all jobs of a sweep share it")

    def job(self, overrides: Sequence[str], taken: Sequence[Job]) -> Job:
        """The job with these overrides, checked. `taken`: jobs whose run's name it must not have.

        Raises:
            UserError: for every problem of its configuration, and where it cannot give what the sweep wants of it.
        """
        swept = self.swept(overrides)
        others = {job.run for job in taken if job.swept != swept}
        name = run_name(self._jobs_name, swept, others)
        loader = GlobalHydra.instance().config_loader()
        values = _values(loader.load_sweep_config(self._config, list(overrides)))
        values["run"]["name"] = name
        root = parse_config(values, typed_keys([*self._fixed, *overrides]))
        plan = plan_stages(root, self.store)
        fingerprints = {planned.stage.name: planned.fingerprint for planned in plan}
        if "finetune" in fingerprints and not root.finetune.replaces_pretraining:
            root.finetune.load(_TaskModule).TASK.check_base(root.model, "the model")
        if self.settings.compare is not None and "evaluate" not in fingerprints:
            raise UserError(
                f"sweep.compare shows what evaluate measures, and stage={root.stage} ends before; set "
                "stage=evaluate, or sweep.compare=null"
            )
        check_metric("sweep.objective", self.settings.objective, fingerprints, root.stage, root.objective)
        for metric in self.settings.fit:
            check_metric("sweep.fit", metric, fingerprints, root.stage, root.objective)
        if not root.launcher.waits:
            raise UserError("a sweep waits for its jobs to compare them: leave launcher.wait=true")
        here = root.launcher.here and root.trainer.nodes == 1 and root.trainer.accelerator != "cpu"
        self._gpus_of_a_job = root.trainer.devices if here else 0
        return Job(swept, name, [*overrides], fingerprints)

    def swept(self, overrides: Sequence[str]) -> dict[str, str]:
        """The swept keys of a job with its values."""
        pairs = (override.split("=", 1) for override in overrides)
        return {key.lstrip("+"): value for key, value in pairs if key in self._swept}

    def same_again(self, old: Job) -> Job | None:
        """A remembered job, planned anew; None where it would not make the same artifact any more."""
        words = [f"{key}={old.swept.get(key.lstrip('+'))}" for key in self._swept]
        try:
            job = self.job([*words, *self._fixed], [])
        except UserError:
            return None
        job.run = old.run
        return job if job.is_same(old) else None

    def command(self, job: Job) -> list[str]:
        """What follows `python -m pipeline` for one job."""
        return [
            *job.overrides,
            f"run.name={job.run}",
            f"tracking.group={self.tracking.group or self.run.name}",
        ]

    def to_report(self, job: Job) -> str:
        """What to type to bring one job's run up to its report, with all that the sweep made of it."""
        words = [word for word in job.overrides if not word.lstrip("+").startswith(("stage=", "run.name="))]
        return to_type([*shown_overrides(words), f"run.name={job.run}"])

    def environments(self) -> list[dict[str, str]]:
        """What each of the jobs that run at the same time has in its environment besides."""
        return divided_gpus(self.settings.parallel, self._gpus_of_a_job)


def refuse_twins(jobs: Sequence[Job]) -> None:
    """Raises: UserError: where two jobs would make the same artifact."""
    seen: dict[str | None, Job] = {}
    for job in jobs:
        twin = seen.setdefault(job.fingerprint, job)
        if twin is not job:
            raise UserError(
                f"two jobs would make the same artifact: {twin.title!r} and {job.title!r}; either their values are "
                "the same, or the swept key does not change the result of this stage (docs/configuration.md says "
                "which do)"
            )


def _values(config: DictConfig) -> dict[str, Any]:
    """The configuration as a plain tree, without Hydra's own."""
    return plain_tree(OmegaConf.masked_copy(config, [key for key in config if key != "hydra"]))


def _swept_and_fixed(config: DictConfig) -> tuple[dict[str, str], list[str]]:
    """Keys with several values, and the overrides with one; of a key that is given twice the last one counts.

    That is as in a single run. Hydra's sweepers would each do something else, such as all values of both.
    """
    params: Mapping[str, Any] = config.hydra.sweeper.get("params") or {}
    # As on the command line: dotted keys are forced through Hydra to our own check.
    words = [f"++{key}={value}" if "." in key else f"{key}={value}" for key, value in params.items()]
    parsed = OverridesParser.create().parse_overrides([*words, *config.hydra.overrides.task])
    latest = {override.get_key_element(): override for override in parsed}
    written = {key: override.input_line or "" for key, override in latest.items()}  # a parsed one has a line
    swept = {k: written[k].partition("=")[2] for k, o in latest.items() if o.is_sweep_override()}
    return swept, [line for key, line in written.items() if key not in swept]
