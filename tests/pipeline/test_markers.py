"""Markers are believed where they are what was written, and where what they speak of is there."""

import json
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.launch.attempts import ATTEMPTS_FILE, Attempts
from pipeline.store.markers import NotDone, is_done, read_marker, write_marker
from train.guards.loss_guard import SKIPPED_FILE, SkippedData

VALUE = {"documents": 3, "mean": 0.1, "names": ["é", None], "nan": float("inf")}


def test_a_marker_says_what_was_written(tmp_path: Path) -> None:
    write_marker(tmp_path / "a.json", VALUE)
    assert read_marker(tmp_path / "a.json") == VALUE
    assert is_done(tmp_path / "a.json")


@pytest.mark.parametrize(
    "content", ["", "{", "{}", "[]", "null", "\x00\x00", '{"sha256": "", "value": 1, "made": {}}']
)
def test_garbage_is_not_believed(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert not is_done(tmp_path / "a.json")
    with pytest.raises(NotDone, match="start again"):
        read_marker(tmp_path / "a.json")


def test_what_was_changed_is_not_believed(tmp_path: Path) -> None:
    write_marker(tmp_path / "a.json", VALUE)
    written = json.loads((tmp_path / "a.json").read_text())
    written["value"]["documents"] = 4
    (tmp_path / "a.json").write_text(json.dumps(written))
    with pytest.raises(NotDone, match="is not what was written"):
        read_marker(tmp_path / "a.json")


def test_without_its_files_a_marker_does_not_count(tmp_path: Path) -> None:
    made, absent = tmp_path / "files" / "a.bin", tmp_path / "files" / "none.bin"
    made.parent.mkdir()
    made.write_bytes(b"12345")
    write_marker(tmp_path / "markers.json", None, [made, absent])
    assert is_done(tmp_path / "markers.json")
    made.write_bytes(b"1234")
    with pytest.raises(NotDone, match=r"a\.bin has another size"):
        read_marker(tmp_path / "markers.json")
    made.unlink()
    with pytest.raises(NotDone, match=r"a\.bin is missing"):
        read_marker(tmp_path / "markers.json")


def test_a_count_of_attempts_that_is_damaged_begins_anew(tmp_path: Path) -> None:
    Attempts(tmp_path, 3, "job").begin()
    (tmp_path / ATTEMPTS_FILE).write_text("{}")
    attempts = Attempts(tmp_path, 1, "job")
    attempts.begin()
    assert not attempts.overdrawn()


def test_data_that_was_left_out_is_not_guessed(tmp_path: Path) -> None:
    SkippedData(tmp_path).add(10, 3)
    assert SkippedData(tmp_path).data_step(12) == 15
    (tmp_path / SKIPPED_FILE).write_text("[]")
    with pytest.raises(UserError, match=f"is damaged: .*delete the folder {tmp_path}"):
        SkippedData(tmp_path)
