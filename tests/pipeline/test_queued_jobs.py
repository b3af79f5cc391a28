"""Jobs of a scheduler: what each does, and staying with them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.launch import queued_jobs
from pipeline.launch.queued_jobs import JobState, QueuedJob, stay
from pipeline.launch.slurm import job_state
from pipeline.launch.slurm.client import GONE
from pipeline.launch.units import Unit, units
from pipeline.stage_spec import StageSpec
from pipeline.stages import STAGES
from pipeline.store.artifacts import finish
from tests.pipeline.test_launching import configured, stage_specs

OVER = JobState("COMPLETED", over=True, well=True)


@pytest.fixture
def spec(tmp_path: Path) -> StageSpec:
    root = configured("stage=clean", f"run.artifacts={tmp_path / 'artifacts'}")
    return stage_specs(root, tmp_path)["clean"]


def job(spec: StageSpec, folder: Path, unit: Unit | None = None) -> QueuedJob:
    return QueuedJob(unit or Unit(spec), "7", "cpu", [], folder / "7.log")


def states(*said: JobState) -> Callable[[str], JobState]:
    left = list(said)
    return lambda job: left.pop(0)


def test_a_stage_is_one_job_or_one_for_each_phase(spec: StageSpec) -> None:
    assert units(spec, 1) == [Unit(spec)]
    *phases, last = units(spec, 3)
    assert [unit.phase for unit in phases] == list(STAGES["clean"].phases)
    assert [unit.tasks for unit in phases] == [3 if unit.phase.parallel else 1 for unit in phases]
    assert any(unit.tasks == 3 for unit in phases)
    assert (last.name, last.tasks) == ("clean", 1)


def test_changes_of_a_job_are_told_once_with_its_log(
    spec: StageSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(queued_jobs, "POLL_SECONDS", 0.0)
    finish(spec.store.partial("clean", "demo", spec.fingerprint), {"metrics": {}})
    (tmp_path / "7.log").write_text("a line of its log\n")
    waits = JobState("PENDING", "Resources")
    said: list[str] = []
    look = states(waits, waits, JobState("RUNNING"), JobState("COMPLETING", routine=True), OVER)
    stay([job(spec, tmp_path)], look, "cancel", said.append)
    assert said == [
        "clean     | job 7 is PENDING (Resources)",
        "clean     | job 7 is RUNNING",
        "clean     | job 7 is COMPLETED",
    ]
    assert capsys.readouterr().out == "a line of its log\n"


def test_a_job_that_ends_badly_or_without_its_artifact_is_told(
    spec: StageSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = states(JobState("TIMEOUT", over=True))
    with pytest.raises(UserError, match=r"stage clean failed: job 7 ended TIMEOUT; its log: .*7.log"):
        stay([job(spec, tmp_path)], failed, "cancel", lambda line: None)
    monkeypatch.setattr(queued_jobs, "SETTLE_SECONDS", 0.0)
    with pytest.raises(UserError, match="job 7 ended COMPLETED"):
        stay([job(spec, tmp_path)], states(OVER), "cancel", lambda line: None)
    phase = units(spec, 2)[0]
    stay([job(spec, tmp_path, phase)], states(OVER), "cancel", lambda line: None)  # which has no artifact


def test_an_interrupt_leaves_the_jobs_and_says_how_to_end_them(spec: StageSpec, tmp_path: Path) -> None:
    def interrupted(job: str) -> JobState:
        raise KeyboardInterrupt

    with pytest.raises(UserError, match=r"the jobs stay queued: .* `cancel 7` ends them"):
        stay([job(spec, tmp_path)], interrupted, "cancel", lambda line: None)


def test_what_slurm_says_of_a_job() -> None:
    assert job_state("RUNNING", "None") == JobState("RUNNING")
    assert job_state(GONE, "") == JobState(GONE, over=True, well=True)
    assert job_state("FAILED", "NonZeroExitCode") == JobState("FAILED", "NonZeroExitCode", over=True)
    assert job_state("COMPLETING", "None") == JobState("COMPLETING", routine=True)
