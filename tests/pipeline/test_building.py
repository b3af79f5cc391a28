"""How a stage is brought up to date, whoever starts its workers."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.errors import UserError
from pipeline.launch.building import build, build_with, waiting_for_another
from pipeline.launch.workplace import Workplace, begin, read_launch
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import LAUNCH_FILE, SPEC_FILE, finish, write_json
from tests.command_line import ROOT
from tests.pipeline.test_launching import configured

AN_ARTIFACT = """
import socket
import subprocess
import sys
from pathlib import Path
from pipeline.launch.workplace import Workplace
from pipeline.store.artifacts import finish
folder, launch = Path(sys.argv[1]), sys.argv[2]
with Workplace.of(folder).occupied(launch):
    finish(folder, {"launch": launch, "metrics": {}})
"""


def never(*_: object) -> NoReturn:
    raise AssertionError("this is not asked for")


def test_what_is_there_is_reused_and_what_is_not_is_started_in_a_prepared_folder(spec: StageSpec) -> None:
    def start(folder: Path) -> None:
        assert (folder / SPEC_FILE).is_file()
        assert read_launch(folder) == {}, "of an earlier start, whose workers may come late"
        finish(folder, {"metrics": {}})

    write_json(spec.prepare_folder() / LAUNCH_FILE, {"id": "of an earlier start"})
    made, reused = build(spec, start, never)
    assert not reused
    again, reused = build(spec, never, never)
    assert reused
    assert again.folder == made.folder


def test_a_failure_names_its_stage(spec: StageSpec) -> None:
    def fails(folder: Path) -> None:
        raise UserError("no space left")

    with pytest.raises(UserError, match=r"^stage download: no space left$"):
        build(spec, fails, never)
    with pytest.raises(RuntimeError, match="ended well and left no artifact"):
        build(spec, lambda folder: None, never)


def test_a_command_is_given_the_folder_and_the_launch_that_may_work_there(spec: StageSpec) -> None:
    said: list[str] = []
    command = lambda folder, launch: [sys.executable, "-c", AN_ARTIFACT, str(folder), launch]  # noqa: E731
    artifact, reused = build_with(command, spec, said.append, "1/9")
    assert not reused
    assert artifact.manifest["launch"].startswith(spec.fingerprint)
    assert [line.rstrip("─") for line in said] == ["── 1/9 download "]


HOLDER = """
import sys
from pathlib import Path
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import finish
spec = StageSpec.load(Path(sys.argv[1]))
with spec.store.exclusive(spec.stage, spec.fingerprint, lambda: None):
    print("holds", flush=True)
    input()
    finish(spec.prepare_folder(), {"metrics": {}})
"""


def test_who_waits_for_another_says_so_once_and_takes_what_that_one_builds(
    spec: StageSpec, tmp_path: Path
) -> None:
    spec.save(tmp_path / "settings.yaml")
    words = [sys.executable, "-c", HOLDER, str(tmp_path / "settings.yaml")]
    said: list[str] = []
    with subprocess.Popen(words, cwd=ROOT, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "holds\n"
        tell = waiting_for_another(spec, said.append)

        def waiting() -> None:
            tell()
            tell()
            other.stdin.write("\n")
            other.stdin.flush()

        artifact, reused = build(spec, never, waiting)
    who = f"pid {other.pid} on {socket.gethostname()}"
    assert said == [f"download: another process ({who}) builds the same artifact; waiting for it"]
    assert reused
    assert artifact.folder.is_dir()


def test_a_worker_without_its_planner_keeps_others_out_for_as_long_as_they_wait(spec: StageSpec) -> None:
    folder = spec.prepare_folder()
    begin(folder, "of a planner that was killed")
    with Workplace.of(folder).occupied("of a planner that was killed"):
        with pytest.raises(UserError, match=r"^stage download: a worker of an earlier start still works in"):
            build(spec, never, never, patience=0)
        assert read_launch(folder)["id"] == "of a planner that was killed"


def test_a_command_that_fails_is_told_with_its_exit_code(spec: StageSpec) -> None:
    command = lambda folder, launch: [sys.executable, "-c", "raise SystemExit(7)"]  # noqa: E731
    with pytest.raises(UserError, match=r"^stage download: failed \(exit code 7\); its log: "):
        build_with(command, spec, lambda line: None)


def test_nothing_is_started_where_gpus_are_missing(spec: StageSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    trainer = configured("trainer=gpu", "++trainer.devices=2", "strategy=ddp").trainer
    with pytest.raises(UserError, match=r"^stage download: trainer.devices=2, but CUDA_VISIBLE_DEVICES='0'"):
        build_with(never, spec.model_copy(update={"trainer": trainer}), lambda line: None)
