"""The body of a SLURM job, with commands on the path that do what `srun`, `squeue` and `scontrol` do on one node."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.errors import UserError
from pipeline.launch.attempts import RESTART_CODE, Attempts
from pipeline.launch.ranks import RankRecord, SilentEnds, read_records
from pipeline.launch.slurm import job
from pipeline.launch.slurm.job import check_shape, main
from pipeline.launch.workplace import Workplace, begin, phase_launch
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import SCRATCH, finish
from tests.pipeline.test_launching import configured, stage_specs

ONE_TASK = {
    "SLURM_JOB_ID": "7",
    "SLURM_NNODES": "1",
    "SLURM_NTASKS": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_STEP_NUM_TASKS": "1",
    "SLURM_STEP_NUM_NODES": "1",
}
RUNS_IT = 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"'
"""`srun` without its options."""


class Commands:
    """Shell scripts by the names of SLURM's commands. Each notes how it was called."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir()

    def put(self, name: str, script: str) -> None:
        path = self._folder / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {self._folder}/{name}.calls\n{script}\n')
        path.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        path = self._folder / f"{name}.calls"
        return path.read_text().splitlines() if path.is_file() else []


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for name, value in ONE_TASK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # which a job replaces
    monkeypatch.setattr(job, "KILL_SECONDS", 0.0)
    made = Commands(tmp_path / "bin")
    made.put("srun", RUNS_IT)
    made.put("squeue", "echo '7|7|RUNNING|None'")
    made.put("scontrol", "true")
    return made


@pytest.fixture
def settings(spec: StageSpec, tmp_path: Path) -> Path:
    """The file that a job is given, for the stage `spec` under SLURM."""
    path = tmp_path / "settings.yaml"
    spec.model_copy(update={"launcher": configured("launcher=slurm").launcher}).save(path)
    return path


@pytest.fixture
def allowed(settings: Path) -> Callable[[int], None]:
    """Sets `launcher.attempts` of the job."""

    def allow(attempts: int) -> None:
        values = yaml.safe_load(settings.read_text())
        values["launcher"]["attempts"] = attempts
        settings.write_text(yaml.safe_dump(values))

    return allow


def test_a_job_builds_its_stage_links_it_and_deletes_its_settings(
    commands: Commands, settings: Path, spec: StageSpec, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "runs" / spec.run.name).mkdir(parents=True)
    assert main(settings) == 0
    artifact = spec.find()
    assert artifact is not None
    assert (tmp_path / "runs" / spec.run.name / "download").resolve() == artifact.folder
    assert f"download  | done: {artifact.folder}" in capsys.readouterr().out
    (call,) = commands.calls("srun")
    assert call.startswith("--kill-on-bad-exit=1 --wait=0 --mpi=none ")
    assert "-m pipeline.launch.slurm.task " in call
    assert not settings.exists(), "its environment may hold keys"

    spec.model_copy(update={"launcher": configured("launcher=slurm").launcher}).save(settings)
    assert main(settings) == 0
    assert f"download  | reused: {artifact.folder}" in capsys.readouterr().out
    assert len(commands.calls("srun")) == 1


def test_a_failure_is_queued_again_as_often_as_allowed_and_then_told(
    commands: Commands, settings: Path, allowed: Callable[[int], None], capsys: pytest.CaptureFixture
) -> None:
    commands.put("srun", "echo 'srun: error: node1: task 0: Killed' >&2; exit 137")
    allowed(2)
    with pytest.raises(SystemExit) as ended:
        main(settings)
    assert ended.value.code == RESTART_CODE
    assert commands.calls("scontrol") == ["requeue 7"]
    assert "failed (exit code 137); job 7 is queued again" in capsys.readouterr().out
    assert settings.exists(), "it is needed again"
    with pytest.raises(SystemExit) as ended:
        main(settings)
    assert ended.value.code == 2
    assert len(commands.calls("scontrol")) == 1
    assert "2 launches in a row without a new checkpoint (launcher.attempts=2)" in capsys.readouterr().err


def test_a_job_that_slurm_ends_is_left_to_it(
    commands: Commands, settings: Path, allowed: Callable[[int], None], capsys: pytest.CaptureFixture
) -> None:
    commands.put("srun", "exit 1")
    commands.put("squeue", "echo '7|7|COMPLETING|TimeLimit'")
    allowed(3)
    with pytest.raises(SystemExit) as ended:
        main(settings)
    assert ended.value.code == 2
    assert "failed (exit code 1); the job is COMPLETING" in capsys.readouterr().err
    assert commands.calls("scontrol") == []


def test_a_job_whose_node_went_down_too_often_is_not_launched(
    commands: Commands,
    settings: Path,
    spec: StageSpec,
    allowed: Callable[[int], None],
    capsys: pytest.CaptureFixture,
) -> None:
    allowed(2)
    folder = spec.prepare_folder()
    for _ in range(2):
        Attempts(folder, 2, "7").begin()
    with pytest.raises(SystemExit):
        main(settings)
    assert "ended early; 3 launches in a row" in capsys.readouterr().err
    assert commands.calls("srun") == []


def test_the_tasks_must_be_one_for_each_device(
    commands: Commands, settings: Path, capsys: pytest.CaptureFixture
) -> None:
    os.environ["SLURM_NTASKS"] = "2"
    with pytest.raises(SystemExit) as ended:
        main(settings)
    assert ended.value.code == 2
    assert "the job has 2 task(s) on 1 node(s)" in capsys.readouterr().err


def test_tasks_of_several_nodes_are_counted(tmp_path: Path) -> None:
    root = configured("launcher=slurm", "trainer=gpu", "++trainer.devices=4", "++trainer.nodes=2")
    pretrain = stage_specs(root, tmp_path)["pretrain"]
    check_shape(pretrain, {"SLURM_NNODES": "2", "SLURM_NTASKS": "8"})
    with pytest.raises(UserError, match=r"has 2 task\(s\) on 2 node\(s\).*needs 8 on 2"):
        check_shape(pretrain, {"SLURM_NNODES": "2", "SLURM_NTASKS": "2"})


def test_tasks_that_srun_saw_end_are_noted_where_they_left_no_word(tmp_path: Path) -> None:
    assert job._numbers("0-2,5") == [0, 1, 2, 5]
    (tmp_path / "ranks").mkdir()
    RankRecord(0, "node1", 10, "failed", "ValueError: bad", time=5.0).write(tmp_path)
    RankRecord(1, "node1", 11).write(tmp_path)
    RankRecord(2, "node2", 12).write(tmp_path)
    ends = SilentEnds(tmp_path)
    job._note_ends(ends, "srun: error: node1: tasks 0-1: Killed")
    job._note_ends(ends, "srun: Terminating StepId=7.0")
    first, second, third = read_records(tmp_path)
    assert first.error == "ValueError: bad"
    assert second.error.startswith("Killed without a word: by its launcher, after another rank's failure")
    assert third.state == "running"


@pytest.fixture
def phase(spec: StageSpec, tmp_path: Path) -> tuple[StageSpec, Path]:
    """A clean stage whose input is there, and the settings of a job that does a phase of it."""
    finish(spec.prepare_folder(), {"metrics": {}})
    corpus = tmp_path / "corpus.txt"
    words = ("experiment=own", "corpus=files", f"corpus.paths=[{corpus}]", "stage=clean", "launcher=slurm")
    places = (f"run.artifacts={tmp_path / 'artifacts'}", f"run.runs={tmp_path / 'runs'}", "tracking=none")
    clean = stage_specs(configured(*words, *places, "++launcher.attempts=2"), tmp_path)["clean"]
    clean.save(tmp_path / "clean.yaml")
    return clean, tmp_path / "clean.yaml"


def test_an_array_task_does_its_share_of_a_phase(
    commands: Commands, phase: tuple[StageSpec, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, settings = phase
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "5")
    commands.put("srun", "exit 3")
    assert main(settings, "extract") == 3
    folder = spec.store.partial("clean", "own", spec.fingerprint).resolve()
    assert commands.calls("srun")[0].endswith(f"-m pipeline.launch.phase {folder} extract 2 5")
    with Workplace.of(folder).occupied(phase_launch("extract")):
        assert main(settings, "extract") == 3, "another task of the phase may be at work"


def test_a_phase_that_is_told_to_stop_is_queued_again_while_it_gets_on(
    commands: Commands,
    phase: tuple[StageSpec, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    spec, settings = phase
    folder = spec.store.partial("clean", "own", spec.fingerprint)
    place = folder / SCRATCH / "extract"
    place.mkdir(parents=True)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "5")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    commands.put("squeue", "echo '7_3|7|RUNNING|None'")
    commands.put("srun", f"touch {place}/1.json; exit {RESTART_CODE}")
    with pytest.raises(SystemExit) as ended:
        main(settings, "extract")
    assert ended.value.code == RESTART_CODE
    assert commands.calls("scontrol") == ["requeue 7_3"]
    with pytest.raises(SystemExit) as ended:
        main(settings, "extract")
    assert ended.value.code == 2
    assert "extract was told to stop before a piece was done, after 6 starts" in capsys.readouterr().err


def test_a_phase_of_a_finished_stage_is_not_done_again(
    commands: Commands, phase: tuple[StageSpec, Path], capsys: pytest.CaptureFixture
) -> None:
    spec, settings = phase
    finish(spec.prepare_folder(), {"metrics": {}})
    assert main(settings, "extract") == 0
    assert "clean     | reused" in capsys.readouterr().out
    assert commands.calls("srun") == []


def test_a_job_waits_for_workers_of_another_phase(
    commands: Commands,
    phase: tuple[StageSpec, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    spec, settings = phase
    monkeypatch.setattr(job, "LOST_NODE_SECONDS", 0.0)
    folder = spec.prepare_folder()
    begin(folder, phase_launch("survey"))
    with Workplace.of(folder).occupied(phase_launch("survey")), pytest.raises(SystemExit):
        main(settings, "extract")
    assert "still works in" in capsys.readouterr().err
    assert commands.calls("srun") == []
