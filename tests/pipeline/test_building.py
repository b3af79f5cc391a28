"""How a stage is brought up to date, whoever starts its workers."""

import socket
import sys
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.frozen import FROZEN, Frozen
from pipeline.launch.building import build, build_with
from pipeline.launch.torchrun.rendezvous import Follower, check_endpoint
from pipeline.launch.workplace import read_launch
from pipeline.store.artifacts import LAUNCH_FILE, finish, write_json
from tests.pipeline.test_launching import configured, frozen_stages

AN_ARTIFACT = """
import socket
import sys
from pathlib import Path
from pipeline.launch.ranks import RankRecord
from pipeline.launch.workplace import Workplace
from pipeline.store.artifacts import finish
folder, launch = Path(sys.argv[1]), sys.argv[2]
with Workplace.of(folder).occupied(launch):
    finish(folder, {"launch": launch, "metrics": {}})
"""


@pytest.fixture
def frozen(tmp_path: Path) -> Frozen:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("A line.\n")
    words = ("experiment=own", "corpus=files", f"corpus.paths=[{corpus}]", "stage=download")
    return frozen_stages(configured(*words, f"run.artifacts={tmp_path / 'artifacts'}"), tmp_path)["download"]


def never() -> None:
    raise AssertionError("nobody else builds it")


def test_what_is_there_is_reused_and_what_is_not_is_started_in_a_prepared_folder(frozen: Frozen) -> None:
    def start(folder: Path) -> None:
        assert (folder / FROZEN).is_file()
        assert read_launch(folder) == {}, "of an earlier start, whose workers may come late"
        finish(folder, {"metrics": {}})

    write_json(frozen.prepare() / LAUNCH_FILE, {"id": "of an earlier start"})
    made, reused = build(frozen, start, never)
    assert not reused
    again, reused = build(frozen, never, never)
    assert reused
    assert again.folder == made.folder


def test_a_failure_names_its_stage(frozen: Frozen) -> None:
    def fails(folder: Path) -> None:
        raise UserError("no space left")

    with pytest.raises(UserError, match=r"^stage download: no space left$"):
        build(frozen, fails, never)
    with pytest.raises(RuntimeError, match="ended well and left no artifact"):
        build(frozen, lambda folder: None, never)


def test_a_command_is_given_the_folder_and_the_launch_that_may_work_there(frozen: Frozen) -> None:
    said: list[str] = []
    command = lambda folder, launch: [sys.executable, "-c", AN_ARTIFACT, str(folder), launch]  # noqa: E731
    artifact, reused = build_with(command, frozen, said.append)
    assert not reused
    assert artifact.manifest["launch"].startswith(frozen.fingerprint)
    assert said == []


def test_a_planner_follows_only_who_meets_at_the_same_place(frozen: Frozen) -> None:
    launcher = configured("launcher=torchrun", "++launcher.rendezvous=node1:29500").launcher
    said: list[str] = []
    follower = Follower(frozen.model_copy(update={"launcher": launcher}), said.append)
    write_json(frozen.prepare() / LAUNCH_FILE, {"id": "launch", "endpoint": "node2:29500"})
    follower()
    follower()
    assert said == ["download: another planner leads this stage; waiting for it"]
    assert not follower.took_part


def test_an_endpoint_must_be_known_and_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is in use on this machine; choose another"):
            check_endpoint(f"127.0.0.1:{port}")
    check_endpoint(f"127.0.0.1:{port}")
    with pytest.raises(UserError, match=r"no-such-host.invalid is not known here"):
        check_endpoint("no-such-host.invalid:29500")
