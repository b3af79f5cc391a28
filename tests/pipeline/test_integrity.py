"""Finished artifacts are compared with their manifests before anything is made of them."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.store import file_hashes
from pipeline.store.artifacts import MANIFEST, Artifact, Store, finish, hashes_of
from pipeline.store.file_hashes import HashMemory
from pipeline.store.integrity import check_content, check_files

PRINT = "f" * 16


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes are remembered at once."""
    monkeypatch.setattr(file_hashes, "SETTLED_NS", -1)


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    store = Store(tmp_path)
    partial = store.partial("clean", "mine", PRINT)
    (partial / "documents").mkdir()
    for number in range(5):
        (partial / "documents" / f"train-{number}.parquet").write_bytes(bytes([number]) * 1000)
    finish(partial, {"metrics": {}})
    return store.find("clean", PRINT)


def first(artifact: Artifact) -> Path:
    return artifact.folder / "documents" / "train-0.parquet"


def test_an_artifact_as_it_was_made_is_sound(artifact: Artifact) -> None:
    check_files(artifact)
    check_content(artifact, "clean")
    check_content(artifact, "clean", afresh=True)


def test_what_was_hashed_when_it_was_finished_is_not_read_again(artifact: Artifact) -> None:
    memory = HashMemory(hashes_of(artifact.folder))
    assert all(memory.knows(artifact.folder / name, name) for name in artifact.outputs)


def test_a_file_that_is_gone_is_told_with_what_to_delete(artifact: Artifact) -> None:
    first(artifact).unlink()
    with pytest.raises(UserError, match=r"train-0\.parquet is missing") as told:
        check_files(artifact)
    assert f"delete the folder {artifact.folder} and start again" in str(told.value)


def test_a_file_of_another_size_is_told(artifact: Artifact) -> None:
    first(artifact).write_bytes(b"short")
    with pytest.raises(UserError, match=r"train-0\.parquet has 5 bytes instead of 1,000"):
        check_files(artifact)


def test_a_file_that_came_in_between_is_told(artifact: Artifact) -> None:
    (artifact.folder / "documents" / "train-9.parquet").write_bytes(b"more")
    with pytest.raises(UserError, match=r"documents/train-9\.parquet is none of its files"):
        check_files(artifact)


def test_what_file_managers_and_servers_leave_is_nothing(artifact: Artifact) -> None:
    for name in (".DS_Store", "documents/.nfs00000001"):
        (artifact.folder / name).write_bytes(b"x")
    check_content(artifact, "clean")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)


def test_other_content_of_the_same_size_and_time_is_told(artifact: Artifact) -> None:
    stat = first(artifact).stat()
    flip(first(artifact))
    os.utime(first(artifact), ns=(stat.st_atime_ns, stat.st_mtime_ns))
    check_files(artifact)
    with pytest.raises(UserError, match=r"train-0\.parquet has other content than was written"):
        check_content(artifact, "clean")


def test_damage_that_leaves_no_trace_is_found_by_reading_all(artifact: Artifact) -> None:
    """A disk that flips a bit touches no time. The memory is made to know the file as it is now."""
    flip(first(artifact))
    memory = hashes_of(artifact.folder)
    stat, name = first(artifact).stat(), "documents/train-0.parquet"
    known = json.loads(memory.read_text())
    stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    memory.write_text(json.dumps({**known, name: [*stamp, artifact.outputs[name]["sha256"]]}))
    check_content(artifact, "clean")
    with pytest.raises(UserError, match="other content"):
        check_content(artifact, "clean", afresh=True)


def test_of_many_differences_some_are_shown_and_all_are_counted(artifact: Artifact) -> None:
    for path in artifact.folder.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(UserError, match=r"\(5 in all\)") as told:
        check_files(artifact)
    assert str(told.value).count("is missing") == 3


GARBAGE = ["", "{}", "[]", "null", "\x00\x00", '{"metrics": {}}', '{"metrics": {}, "outputs": 3}']
GARBAGE += ['{"metrics": {}, "outputs": {"a": {}}}', '{"metrics": 1, "outputs": {}}']


@pytest.mark.parametrize("content", GARBAGE)
def test_a_damaged_manifest_is_told_with_what_to_delete(
    artifact: Artifact, tmp_path: Path, content: str
) -> None:
    (artifact.folder / MANIFEST).write_text(content)
    with pytest.raises(UserError, match="is damaged") as told:
        Store(tmp_path).find("clean", PRINT)
    assert f"delete the folder {artifact.folder} and start again" in str(told.value)


def test_a_folder_without_a_manifest_is_told_before_its_stage_is_run_in_vain(
    artifact: Artifact, tmp_path: Path
) -> None:
    (artifact.folder / MANIFEST).unlink()
    with pytest.raises(UserError, match="is missing; delete the folder"):
        Store(tmp_path).find("clean", PRINT)


@pytest.mark.e2e
def test_what_a_stage_reads_is_verified_before_it_starts(
    shards: Path, pipeline: Callable[..., subprocess.CompletedProcess], tmp_path: Path
) -> None:
    from tests.command_line import copy_data_stages

    copy_data_stages(shards, tmp_path)
    before = pipeline(tmp_path, "stage=shards")
    assert before.stdout.count("reused") == 4, before.stdout + before.stderr
    path = next(tmp_path.glob("artifacts/clean/*/documents/train-*.parquet"))
    flip(path)
    assert pipeline(tmp_path, "stage=shards").returncode == 0, "nothing reads it"
    for words in (["stage=shards", "shards.shard_mb=1"], ["stage=shards", "verify=true"]):
        result = pipeline(tmp_path, *words)
        assert result.returncode == 2
        assert f"{path.name} has other content than was written" in result.stderr
        assert "Traceback" not in result.stdout + result.stderr
    path.unlink()
    for words in (["stage=shards"], ["stage=shards", "dryrun=true"]):
        result = pipeline(tmp_path, *words)
        assert result.returncode == 2
        assert f"{path.name} is missing" in result.stderr
        assert "Traceback" not in result.stdout + result.stderr
