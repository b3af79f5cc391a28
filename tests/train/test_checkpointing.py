"""Checkpoints of a run: written beside training, whole or absent, and what a full disk does to them."""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import train.checkpoints.manager
from pipeline.checkpoints import print_checkpoints
from pipeline.errors import UserError
from pipeline.formats.checkpoints import (
    FOLDER,
    META,
    Checkpoint,
    checkpoint_folder,
    list_checkpoints,
    written_hashes,
)
from pipeline.store.artifacts import finish
from pipeline.tracking.tracker import read_metrics
from tests.train import guard_worker
from tests.train.guard_worker import STEPS
from train.checkpoints.files import Reader, Writer
from train.checkpoints.manager import Checkpoints
from train.checkpoints.piece_index import PieceIndex
from train.checkpoints.pieces import StatePiece
from train.checkpoints.tensor_file import read_header
from train.strategies.single import Single


def test_the_writer_copies_and_lets_training_go_on(tmp_path: Path) -> None:
    tensor = torch.ones(40_000_000)
    writer, path = Writer(), tmp_path / "rank-00000.safetensors"
    writer.start([StatePiece("a", "weight", 0, tensor)], path)  # makes the buffers
    writer.wait()
    writer.start([StatePiece("a", "weight", 0, tensor)], path)
    assert writer.busy
    tensor.zero_()  # the next step changes the weights
    writer.wait()
    assert writer.error is None
    assert load_file(path)["weight/a/0"].eq(1).all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "pretrain" / "demo-1234"
    guard_worker.train(folder_made(folder), "skip", keep_last=2)
    return folder


def folder_made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_the_last_ones_stay_and_are_listed(trained: Path, capsys: pytest.CaptureFixture) -> None:
    assert [c.step for c in list_checkpoints(trained)] == [STEPS - 2, STEPS]
    print_checkpoints(trained.parents[1])
    printed = capsys.readouterr().out
    assert f"{STEPS}" in printed
    assert f"{trained} (finished)\n" in printed, "a path that is copied has no line breaks"
    assert "1 × single" in printed
    assert "yes" in printed


def test_make_checkpoints_is_told_the_store_as_other_targets_are(trained: Path) -> None:
    words = [sys.executable, "-m", "pipeline.checkpoints", f"run.artifacts={trained.parents[1]}"]
    assert "1 × single" in subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_damage_is_seen(trained: Path, capsys: pytest.CaptureFixture) -> None:
    checkpoint = list_checkpoints(trained)[0]
    assert checkpoint.damage() is None
    data = bytearray(checkpoint.files[0].read_bytes())
    data[-3] ^= 1
    checkpoint.files[0].write_bytes(data)
    assert "sha256 differs" in checkpoint.damage()
    checkpoint.files[0].unlink()
    assert "missing" in checkpoint.damage()


def test_an_artifact_is_finished_without_reading_checkpoints_again(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo-12.partial"
    shutil.copytree(trained, folder)
    last = list_checkpoints(folder)[-1]
    name = str(last.files[0].relative_to(folder))
    (last.folder / META).touch()  # the copy may be older than the file beside it
    assert written_hashes(folder)[name] == last.hashes[last.files[0].name]
    os.utime(last.files[0], (time.time() + 9,) * 2)
    assert name not in written_hashes(folder), "it may be another file by now"
    final = finish(folder, {}, {name: "f" * 64})
    outputs = json.loads((final / "manifest.json").read_text())["outputs"]
    assert outputs.pop(name)["sha256"] == "f" * 64
    assert len({output["sha256"] for output in outputs.values()}) == len(outputs) > 1


def test_one_that_was_being_written_does_not_count(trained: Path) -> None:
    last = list_checkpoints(trained)[-1]
    (trained / FOLDER / f"step-{STEPS + 2:08d}.writing").mkdir()
    (trained / FOLDER / f"step-{STEPS + 4:08d}").mkdir()
    assert list_checkpoints(trained)[-1] == last


def test_what_a_killed_start_was_writing_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / FOLDER / "step-00000003.writing"
    folder_made(left)
    guard_worker.train(tmp_path, "skip")
    assert not left.exists()


def test_one_whose_facts_are_damaged_is_named_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    guard_worker.train(tmp_path, "skip")
    first, last = list_checkpoints(tmp_path)
    (last.folder / META).write_text("{", encoding="utf-8")
    assert list_checkpoints(tmp_path) == [first]
    with caplog.at_level(logging.WARNING, logger="train.checkpoints.manager"):
        guard_worker.train(tmp_path, "skip")
    assert f"{last.folder} is damaged: its meta.json cannot be read" in caplog.text
    assert list_checkpoints(tmp_path)[-1].step == last.step


class LateRank(Single):
    """A rank on another machine, which is told what rank 0 has found: a checkpoint, and where its pieces lie."""

    is_global_zero = False

    def __init__(self, told: list[object]):
        super().__init__(torch.device("cpu"))
        self._told = told

    def broadcast(self, obj: object, src: int = 0) -> object:
        return self._told.pop(0)


def test_one_that_another_machine_sees_late_is_waited_for(trained: Path, tmp_path: Path, monkeypatch) -> None:
    last = list_checkpoints(trained)[-1]
    here = replace(last, folder=checkpoint_folder(tmp_path, STEPS))
    index = PieceIndex({0: read_header(last.files[0])})
    checkpoints = Checkpoints(tmp_path, 1, 0, LateRank([[here], [here], index]), "single")
    monkeypatch.setattr(train.checkpoints.manager, "SEEN_WITHIN", 0)
    with pytest.raises(UserError, match=f"does not see {here.folder}"):
        checkpoints.newest_intact()
    monkeypatch.setattr(train.checkpoints.manager, "SEEN_WITHIN", 60)
    arrival = threading.Timer(0.5, shutil.copytree, (trained / FOLDER, tmp_path / FOLDER))
    arrival.start()
    found = checkpoints.newest_intact()
    arrival.join()
    assert found is not None
    assert found.step == STEPS


@pytest.mark.parametrize("changed", [{"step": 3}, {"optimizer_steps": 1}, {"guard": {}}, {"tokens": 0}])
def test_facts_that_were_changed_are_not_believed(
    trained: Path, tmp_path: Path, changed: dict, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    first, last = list_checkpoints(folder)
    written = json.loads((last.folder / META).read_text(encoding="utf-8"))
    written["value"] |= changed
    (last.folder / META).write_text(json.dumps(written), encoding="utf-8")
    assert list_checkpoints(folder) == [first]
    with caplog.at_level(logging.WARNING, logger="train.checkpoints.manager"):
        guard_worker.train(folder, "skip", keep_last=2)
    assert f"{last.folder} is damaged" in caplog.text
    weights = [list_checkpoints(path)[-1].files[0].read_bytes() for path in (folder, trained)]
    assert weights[0] == weights[1]


def test_a_checkpoint_under_the_name_of_another_does_not_count(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    first, last = list_checkpoints(folder)
    shutil.rmtree(last.folder)
    first.folder.rename(last.folder)
    assert list_checkpoints(folder) == []


def test_a_file_of_another_checkpoint_is_seen(tmp_path: Path) -> None:
    guard_worker.train(tmp_path, "skip", keep_last=2)
    first, last = list_checkpoints(tmp_path)
    for path in first.folder.glob("rank-*"):
        shutil.copyfile(path, last.folder / path.name)
    assert "sha256 differs" in last.damage()


def test_a_file_that_was_cut_off_or_is_none_is_named(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    last = list_checkpoints(folder)[-1]
    (path,) = last.files
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 4], whole[:50], b"", b"\xff" * 64):
        path.write_bytes(data)
        with pytest.raises(UserError, match=f"{path.name} is damaged"):
            Reader(last).weights({"decoder.model.norm.weight": torch.Size((16,)), **_shapes(last)})


def _shapes(checkpoint: Checkpoint) -> dict[str, torch.Size]:
    """Of all parameters in its one file, flattened."""
    sizes = {key: stored.size for key, stored in read_header(checkpoint.files[0]).items()}
    return {
        key.split("/")[1]: torch.Size((size,)) for key, size in sizes.items() if key.startswith("weight/")
    }


def test_another_model_is_refused(trained: Path) -> None:
    last = list_checkpoints(trained)[-1]
    with pytest.raises(UserError, match="another model or optimizer"):
        Reader(last).weights({"decoder.model.other.weight": torch.Size((2, 2))})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for two checkpoints and a half."""
    folder = folder_made(tmp_path / "small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", folder], check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_does_not_stop_training(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    guard_worker.train(small_disk, "skip", keep_last=1)
    size = list_checkpoints(small_disk)[-1].bytes
    for path in (small_disk / FOLDER, small_disk / "metrics.jsonl", small_disk / "data"):
        subprocess.run(["rm", "-r", path], check=True)
    stat = os.statvfs(small_disk)
    free = stat.f_bavail * stat.f_frsize
    # Two checkpoints fit, the third one does not, as long as the filler lies there.
    filler = small_disk / "filler"
    filler.write_bytes(bytes(free - int(2.5 * size) - 30_000))
    with caplog.at_level(logging.WARNING), pytest.raises(UserError, match="disk is full"):
        guard_worker.train(small_disk, "skip", keep_last=5)
    assert "Training goes on" in caplog.text
    assert "No space left" in caplog.text
    assert [c.step for c in list_checkpoints(small_disk)] == [2, 4]
    assert all(c.damage() is None for c in list_checkpoints(small_disk))
    assert read_metrics(small_disk)[-1]["step"] == STEPS
    filler.unlink()
    guard_worker.train(small_disk, "skip", keep_last=1)
    assert [c.step for c in list_checkpoints(small_disk)] == [STEPS]
