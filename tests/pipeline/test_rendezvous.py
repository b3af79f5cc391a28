"""Planners of several machines that meet for a stage: who leads, who follows, and when a node's agent is ended."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.launch.ranks import host_name
from pipeline.launch.torchrun import rendezvous
from pipeline.launch.torchrun.rendezvous import Follower, check_endpoint, lead
from pipeline.launch.workplace import read_launch
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import LAUNCH_FILE, RANKS, write_json
from tests.pipeline.starts import wait_for
from tests.pipeline.test_launching import configured


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def meeting(spec: StageSpec) -> Callable[[int], StageSpec]:
    """The stage, on so many machines that meet on this one."""

    def make(nodes: int) -> StageSpec:
        words = ("strategy=ddp", f"++trainer.nodes={nodes}", "++trainer.devices=1", "launcher=torchrun")
        root = configured(*words, f"++launcher.rendezvous=127.0.0.1:{free_port()}")
        return spec.model_copy(update={"launcher": root.launcher, "trainer": root.trainer})

    return make


def failed_nodes(folder: Path, launch: str) -> list[str]:
    return sorted(path.name for path in (folder / RANKS).glob(f"node-{launch}-*.json"))


def test_where_a_launch_fails_its_leader_waits_for_the_other_nodes_records(
    meeting: Callable[[int], StageSpec],
) -> None:
    spec = meeting(2)
    folder = spec.prepare_folder()

    def fail_on_the_other_node() -> None:
        wait_for(lambda: read_launch(folder).get("endpoint"))
        (folder / RANKS).mkdir()
        write_json(folder / RANKS / "node-launch-node2-7.json", {"code": 1})

    other = threading.Thread(target=fail_on_the_other_node)
    other.start()
    with pytest.MonkeyPatch.context() as patch, lead(spec, lambda line: None, folder) as launch:
        patch.setattr(rendezvous, "PEER_SECONDS", 0.1)
        assert launch("launch").code != 0
        assert read_launch(folder) == {"endpoint": spec.launcher.rendezvous, "id": "launch"}
    other.join()
    mine = f"node-launch-{host_name()}-{os.getpid()}.json"
    assert failed_nodes(folder, "launch") == sorted([mine, "node-launch-node2-7.json"])
    assert not (folder / LAUNCH_FILE).exists(), "nobody can follow any more"


def test_a_follower_takes_part_in_each_launch_once_and_ends_with_it(
    meeting: Callable[[int], StageSpec],
) -> None:
    spec, said = meeting(2), []
    folder = spec.prepare_folder()
    follower = Follower(spec, said.append)
    endpoint = spec.launcher.rendezvous
    write_json(folder / LAUNCH_FILE, {"endpoint": endpoint, "id": "first"})
    leader = threading.Timer(0.5, write_json, (folder / LAUNCH_FILE, {"endpoint": endpoint, "id": "second"}))
    leader.start()
    follower()
    assert follower.took_part
    assert len(failed_nodes(folder, "first")) == 1, "its agent was ended when another launch began"
    leader = threading.Timer(0.5, (folder / LAUNCH_FILE).write_text, ('{"id": "of a phase"}',))
    leader.start()
    follower()
    follower()
    assert said == [f"download: taking part at {endpoint}"] * 2


def test_a_planner_follows_only_who_meets_at_the_same_place(meeting: Callable[[int], StageSpec]) -> None:
    spec, said = meeting(2), []
    follower = Follower(spec, said.append)
    write_json(spec.prepare_folder() / LAUNCH_FILE, {"id": "launch", "endpoint": "node2:29500"})
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
