"""One start of a sweep: check its jobs, run those that are not finished, sum up."""

import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from pipeline.errors import UserError, exit_on_user_error
from pipeline.redaction import shown_overrides
from pipeline.sweep.board import Board
from pipeline.sweep.jobs import Job, JobRecord
from pipeline.sweep.objective import read_metric
from pipeline.sweep.planning import SweepPlan, refuse_twins
from pipeline.sweep.processes import Interruptible, Pool
from pipeline.text.counts import counted
from pipeline.typed_command import to_type

LAUNCHER = "hydra_plugins.planner_launcher.PlannerLauncher"
OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
ERROR_LINES = 4


class Sweep(Callback):
    """Hydra calls it where a multirun begins and ends, and its launcher calls `run` for every batch of jobs.

    A mistake of the user's, a failed job and a bug alike end the process: Hydra would only warn.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _ends_the_process():
            if config.hydra.launcher["_target_"] != LAUNCHER:
                raise UserError(
                    "sweeps run with hydra/launcher=planners; where a run's workers start is launcher=…"
                )
            self._plan = SweepPlan(config)
            self._record = JobRecord(self._plan.folder)
            self._board = Board()
            self._jobs: list[Job] = []
            self._started = False
            self._interrupted = False
            self._trials_to_go = 0
            """Of Optuna, which chooses the next trials when it knows the outcome of those before."""
            self._optuna = config.hydra.sweeper["_target_"] == OPTUNA
            if self._optuna:
                self._continue_study(config)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        with _ends_the_process():
            self._end()

    def run(self, batch: Sequence[Sequence[str]]) -> list[float | None]:
        """Run the jobs with these overrides, or find them finished. Returns their objectives; None: it failed."""
        with _ends_the_process(), Interruptible():
            jobs = self._check(batch)
            if not self._started:
                self._announce(f"{self._plan.run.name}: {self._count(len(batch))}, {self._manner()}")
                self._tell_of_replaced()
                self._started = True
            if self._plan.only_shown:
                self._list(jobs)
                sys.exit(0)
            self._trials_to_go -= len(batch)
            self._run_all(jobs)
            # Without one finished trial Optuna's sweeper would end in an error of its own.
            if self._optuna and self._trials_to_go <= 0 and all(job.objective is None for job in self._jobs):
                self._end()
            return [job.objective for job in jobs]

    def _continue_study(self, config: DictConfig) -> None:
        from pipeline.sweep.study import continue_study

        known = []
        for old in self._record.read():
            if job := self._plan.same_again(old):
                known.append(job)
                if old.state == "finished":
                    self._find_finished(job, old)
        self._jobs = [job for job in known if job.state == "finished"]
        continue_study(config.hydra.sweeper, self._plan.settings, known)
        self._trials_to_go = config.hydra.sweeper.n_trials

    def _check(self, batch: Sequence[Sequence[str]]) -> list[Job]:
        """The jobs of a batch, those of an earlier one again where they are the same.

        Raises:
            UserError: for a problem of any job of the first batch, which for a grid is all of it. Later on such a
                job has failed.
        """
        jobs: list[Job] = []
        remembered = self._record.read()
        for overrides in batch:
            try:
                job = self._plan.job(overrides, [*remembered, *self._jobs])
            except UserError as error:
                leave_out = self._plan.settings.refused == "leave_out"
                state = "refused" if leave_out else "failed"
                job = Job(self._plan.swept(overrides), "", list(overrides), state=state, error=str(error))
                if not self._started and not leave_out:
                    raise UserError(f"no job was started; {job.title}: {error}") from None
            if twin := next((other for other in self._jobs if self._optuna and job.is_same(other)), None):
                job = twin
            else:
                self._jobs.append(job)
            jobs.append(job)
        if not self._optuna:
            refuse_twins([job for job in jobs if job.state != "refused"])
        return jobs

    def _tell_of_replaced(self) -> None:
        from pipeline.sweep.summary import describe_replaced

        if said := describe_replaced(self._plan, self._jobs):
            self._announce(said)

    def _list(self, jobs: Sequence[Job]) -> None:
        """What would be run, and how one learns more of a job."""
        for job in jobs:
            there = self._plan.store.find(list(job.fingerprints)[-1], job.fingerprint or "") is not None
            self._announce(
                f"{self._number(job)} {job.title}: {'is there' if there else f'would run as {job.run}'}"
            )
        later = ", and those after it follow from what came of them" if self._optuna else ""
        first = to_type(shown_overrides(jobs[0].overrides))
        self._announce(f"nothing was started{later}; all about the first: {first}")

    def _run_all(self, jobs: Sequence[Job]) -> None:
        remembered = self._record.read()
        pool = Pool(self._plan.settings.parallel, self._plan.environments())
        try:
            with self._board:
                for job in jobs:
                    if job.state != "waiting":  # it came twice in the batch
                        continue
                    old = next((old for old in remembered if old.is_same(job)), None)
                    if old is None or old.state != "finished" or not self._find_finished(job, old):
                        self._start(job, pool)
                pool.wait()
        except KeyboardInterrupt:
            self._interrupted = True
            self._announce("interrupted: the running jobs are asked to end; once more kills them")
            pool.stop()
            self._end()
        except UserError:
            pool.stop()
            raise

    def _find_finished(self, job: Job, old: Job) -> bool:
        """Whether the artifact of a job that was finished is still there; its outcome then."""
        if self._plan.store.find(list(job.fingerprints)[-1], job.fingerprint or "") is None:
            return False
        self._read_outcome(job)
        job.seconds, job.reused = old.seconds, True
        return job.state == "finished"

    def _start(self, job: Job, pool: Pool) -> None:
        log = self._plan.folder / "logs" / f"{job.run}.txt"
        command = [sys.executable, "-m", "pipeline", *self._plan.command(job)]
        job.log = str(log)
        pool.run(command, log, partial(self._ended, job, log))
        job.state = "running"
        self._record.append(job)
        self._announce(f"{self._number(job)} {job.title}: started, log {log}")
        self._board.started(job.run, f"{self._number(job)} {job.title}", log)

    def _ended(self, job: Job, log: Path, code: int, seconds: float) -> None:
        job.seconds = round(seconds, 1)
        if code == 0:
            self._read_outcome(job)
        elif self._interrupted:
            job.state = "interrupted"
        else:
            job.state, job.error = "failed", _last_lines(log) or f"exit code {code}"
        self._record.append(job)
        self._board.ended(job.run)
        outcome = f"{job.objective:.5g}" if job.objective is not None else job.state
        self._announce(f"{self._number(job)} {job.title}: {outcome} after {job.seconds:.0f} s")

    def _read_outcome(self, job: Job) -> None:
        settings, store = self._plan.settings, self._plan.store
        job.objective = read_metric("sweep.objective", settings.objective, job.fingerprints, store)
        for name in settings.fit:
            value = read_metric("sweep.fit", name, job.fingerprints, store)
            if value is not None:
                job.metrics[name] = value
        job.state = "finished"
        if job.objective is None:
            job.state, job.error = "failed", f"{settings.objective} is not finite: the training diverged"

    def _end(self) -> None:
        """Sum up; leave the process where not every job is finished."""
        from pipeline.sweep.summary import sum_up

        sum_up(self._plan, self._jobs)
        if self._interrupted:
            sys.exit(130)
        if any(job.state == "failed" for job in self._jobs) or all(
            job.state == "refused" for job in self._jobs
        ):
            sys.exit(1)

    def _number(self, job: Job) -> str:
        total = len(self._jobs) + max(self._trials_to_go, 0)
        place = next(number for number, other in enumerate(self._jobs, 1) if other is job)
        return f"{place}/{total}"

    def _count(self, batch: int) -> str:
        if not self._optuna:
            return counted(batch, "job")
        return f"{counted(self._trials_to_go, 'trial')} to go, {len(self._jobs) - batch} finished before"

    def _manner(self) -> str:
        settings = self._plan.settings
        return f"{settings.parallel} at a time; {settings.direction} {settings.objective}"

    def _announce(self, message: str) -> None:
        self._board.announce(message)


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-ERROR_LINES:])


@contextmanager
def _ends_the_process() -> Generator[None]:
    """For code that Hydra calls: it would turn an error into a warning, or print its own frames."""
    with exit_on_user_error():
        try:
            yield
        except UserError:
            raise
        except Exception:
            traceback.print_exc()
            sys.exit(1)
