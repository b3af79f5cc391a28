"""Compiling at start: a folder for each version, and a lock that nobody leaves behind."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
import torch

from tests.warm.process import PipedProcess
from train.strategies.zero.extension_builds import FOLDER_VARIABLE, build_folder_name, prepare_builds

SOURCE = 'extern "C" int answer() { return 42; }'
COMPILER = """#!/bin/sh
case " $* " in *" -c "*)
  touch "$0.called"
  while [ ! -e "$0.free" ]; do sleep 0.05; done;;
esac
exec c++ "$@"
"""
"""Takes as long as the test wants it to."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], PipedProcess]]:
    """Starts a process that compiles, in a group of its own."""
    source = tmp_path / "answer.cpp"
    source.write_text(SOURCE)
    compiler = tmp_path / "compiler"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    variables = os.environ | {FOLDER_VARIABLE: str(tmp_path / "builds"), "CXX": str(compiler)}
    started = []

    def run() -> PipedProcess:
        started.append(PipedProcess(variables, "tests.train.extension_worker", str(source)))
        return started[-1]

    yield run
    for process in started:
        process.kill()


def wait_for_compiler(tmp_path: Path) -> None:
    deadline = time.monotonic() + 120
    while not (tmp_path / "compiler.called").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_compiler(tmp_path: Path) -> None:
    (tmp_path / "compiler.free").touch()


def test_who_comes_after_a_killed_builder_and_its_compilers_builds_anew(
    tmp_path: Path, start: Callable[[], PipedProcess]
) -> None:
    first = start()
    wait_for_compiler(tmp_path)
    os.killpg(first.pid, signal.SIGKILL)
    free_compiler(tmp_path)
    output, _ = start().communicate(timeout=120)
    assert output.splitlines()[0].startswith("compiling answer")
    assert output.splitlines()[-1] == "the answer is 42"


def test_who_comes_while_the_compilers_of_a_killed_builder_go_on_waits_for_them(
    tmp_path: Path, start: Callable[[], PipedProcess]
) -> None:
    first = start()
    wait_for_compiler(tmp_path)
    first.kill()  # ninja is left, without a lock
    second = start()
    assert second.stdout.readline().startswith("another process compiles answer in ")
    free_compiler(tmp_path)
    output, _ = second.communicate(timeout=120)
    assert output.splitlines()[-1] == "the answer is 42"


def test_processes_that_start_together_build_once(tmp_path: Path, start: Callable[[], PipedProcess]) -> None:
    free_compiler(tmp_path)
    outputs = [process.communicate(timeout=120)[0] for process in (start(), start())]
    assert sum("compiling answer" in output for output in outputs) == 1
    assert all("the answer is 42" in output for output in outputs)


def test_each_version_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr("torch.utils.cpp_extension.FileBaton", None)
    prepare_builds()
    prepare_builds()
    name = build_folder_name()
    assert os.environ[FOLDER_VARIABLE] == str(tmp_path / name)
    assert torch.__version__ in name
    assert metadata.version("deepspeed") in name
    monkeypatch.setattr("torch.__version__", "2.99")
    assert build_folder_name() != name
