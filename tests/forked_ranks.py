"""Ranks on this machine that start in a moment, for tests of what ranks do and not of how they are launched.

Importing torch, Lightning and DeepSpeed takes a process some seconds of CPU, many times what the few steps of a test
take. So ranks are forked from one process that has imported them (multiprocessing's fork server), and take their places
as the tasks of a SLURM job on one node do.
"""

import os
import runpy
import socket
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from multiprocessing import connection, get_context
from pathlib import Path
from typing import NoReturn

from pipeline.__main__ import options
from pipeline.config.overrides import hydra_overrides
from pipeline.config.root import parse_config
from pipeline.launch.building import build
from pipeline.launch.slurm.task import join
from pipeline.launch.supervise import begin_launch
from pipeline.stage_spec import StageSpec
from pipeline.store.run_links import link_into_run
from tests.command_line import TINY, places
from tests.pipeline.test_config import composed
from tests.pipeline.test_launching import stage_specs

SECONDS = 300.0
_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


def run_on_ranks(ranks: int, body: str, *arguments: str) -> str:
    """Run a module as a program on so many ranks, to a good end. Gives what they print, rank by rank."""
    with tempfile.TemporaryDirectory() as name:
        said = [Path(name) / f"{rank}.txt" for rank in range(ranks)]
        port = _free_port()
        processes = [
            _CONTEXT.Process(
                target=_run, args=(_task(rank, ranks, port), said[rank], body, arguments), daemon=True
            )
            for rank in range(ranks)
        ]
        for process in processes:
            process.start()
        running = {process.sentinel: process for process in processes}
        while running:
            ended = [running.pop(sentinel) for sentinel in connection.wait(list(running), SECONDS)]
            for process in ended:
                process.join()
            if not ended or any(process.exitcode for process in ended):  # the others would wait for it
                for process in running.values():
                    process.kill()
        output = "".join(path.read_text(errors="replace") for path in said if path.exists())
        codes = [process.exitcode for process in processes]
        assert codes == [0] * ranks, f"{body} ended with {codes}\n{output}"
        return output


def pretrain_on_ranks(folder: Path, *words: str) -> Path:
    """Pretrain as the planner would, where all inputs are there. Gives the artifact as it is linked into the run."""
    overrides = hydra_overrides([*TINY, *places(folder), "stage=pretrain", *words], options)
    root = parse_config(composed(*overrides))
    spec = stage_specs(root, folder)["pretrain"]
    artifact, reused = build(spec, partial(_start, spec), _never)
    assert not reused
    run_folder = Path(root.run.runs) / root.run.name
    run_folder.mkdir(parents=True, exist_ok=True)
    link_into_run(run_folder, spec.stage, artifact)
    return run_folder / spec.stage


def _start(spec: StageSpec, folder: Path) -> None:
    run_on_ranks(spec.ranks, "pipeline.launch.worker", str(folder), begin_launch(folder, patience=0))


def _never() -> NoReturn:
    raise AssertionError("nobody else builds it")


def _task(rank: int, ranks: int, port: int) -> dict[str, str]:
    """The environment of a task of a job on one node; one that is alone is a process like any other."""
    if ranks == 1:
        return dict(os.environ)
    return os.environ | {
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank),
        "SLURM_NODEID": "0",
        "SLURM_STEP_NUM_TASKS": str(ranks),
        "SLURM_STEP_NUM_NODES": "1",
        "MASTER_PORT": str(port),
    }


def _run(environment: Mapping[str, str], output: Path, body: str, arguments: tuple[str, ...]) -> None:
    """A rank, from its fork on."""
    os.environ.clear()
    os.environ.update(environment)
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    store = join(os.environ) if "SLURM_PROCID" in os.environ else None  # served for as long as it is kept
    sys.argv = [body, *arguments]
    try:
        runpy.run_module(body, run_name="__main__")
    finally:
        sys.stdout.flush()
        del store


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
