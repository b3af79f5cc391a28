"""A launch of one machine is heard on that machine alone."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.training import TrainerConfig
from pipeline.launch.commands import torchrun
from pipeline.launch.workplace import begin
from pipeline.store.artifacts import Store
from tests.command_line import ROOT, environment

pytestmark = pytest.mark.distributed
WORKER = str(Path(__file__).with_name("listening_worker.py"))


def listening(folder: Path) -> list[list[str]]:
    return [json.loads((folder / f"listening-{rank}.json").read_text()) for rank in range(2)]


def test_a_launch_of_one_machine_listens_on_loopback_alone(tmp_path: Path) -> None:
    folder = Store(tmp_path).partial("pretrain", "demo", "f" * 16)
    begin(folder, "launch")
    command = torchrun(folder, "launch", TrainerConfig(devices=2, global_batch=2), None)
    command[command.index("-m", 3) :] = [WORKER, str(folder)]
    settings = environment() | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    of_rank_0, of_rank_1 = listening(folder)
    assert set(of_rank_0) == set(of_rank_1) == {"127.0.0.1"}
    assert len(of_rank_0) >= 2  # gloo's own, and the store of torchrun's agent


def tasks_of_slurm(folder: Path, count: int) -> list[subprocess.Popen]:
    """Tasks of one node that join their launch."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    # As `pipeline.launch.slurm.task` does it, with another body than the worker's.
    body = (
        "import os, runpy, sys\n"
        "from pipeline.launch.slurm.task import join\n"
        "store = join(os.environ)\n"
        "runpy.run_path(sys.argv.pop(1))"
    )
    places = {"SLURM_NODEID": "0", "SLURM_STEP_NUM_TASKS": str(count), "SLURM_STEP_NUM_NODES": "1"}
    meeting = {"MASTER_ADDR": socket.gethostname(), "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, "-c", body, WORKER, str(folder)],
            cwd=ROOT,
            env=environment() | places | meeting | {"SLURM_PROCID": rank, "SLURM_LOCALID": rank},
        )
        for rank in map(str, range(count))
    ]


def test_tasks_of_slurm_on_one_node_listen_on_loopback_alone(tmp_path: Path) -> None:
    tasks = tasks_of_slurm(tmp_path, 2)
    assert [task.wait(timeout=120) for task in tasks] == [0, 0]
    of_rank_0, of_rank_1 = listening(tmp_path)
    assert set(of_rank_0) == set(of_rank_1) == {"127.0.0.1"}


def test_a_process_that_is_alone_is_heard_by_nobody_else(tmp_path: Path) -> None:
    """Where its strategy makes a group of it all the same."""
    body = (
        "import runpy, sys\n"
        "from pipeline.config.strategies import StrategyConfig\n"
        "from pipeline.config.training import TrainerConfig\n"
        "from train.strategies.strategy import build_strategy\n"
        "build_strategy(StrategyConfig.choose('ddp'), TrainerConfig(global_batch=2), on_gpu=False)\n"
        "runpy.run_path(sys.argv.pop(1))"
    )
    words = [sys.executable, "-c", body, WORKER, str(tmp_path)]
    alone = environment() | {"RANK": "0", "WORLD_SIZE": "1"}
    assert subprocess.run(words, cwd=ROOT, env=alone, timeout=120).returncode == 0
    assert set(json.loads((tmp_path / "listening-0.json").read_text())) == {"127.0.0.1"}


def test_a_task_of_slurm_that_is_alone_waits_for_nobody(tmp_path: Path) -> None:
    """As with `strategy=ddp` and one device."""
    (task,) = tasks_of_slurm(tmp_path, 1)
    try:
        assert task.wait(timeout=60) == 0
    finally:
        task.kill()
    assert (tmp_path / "listening-0.json").is_file()
