"""How workers ask to be started again, and how launches are counted."""

import json
from pathlib import Path

import pytest

from pipeline.errors import Restart
from pipeline.launch.attempts import (
    ATTEMPTS_FILE,
    RESTART_FILE,
    Attempts,
    ask_for_restart,
    newest_step,
    take_restart,
)
from pipeline.store.markers import write_marker


def checkpoint(folder: Path, step: int) -> None:
    place = folder / f"checkpoints/step-{step:08d}"
    place.mkdir(parents=True)
    facts = {"step": step, "tokens": 0, "validation_loss": None, "train_loss": None, "strategy": "ddp", "ranks": 1,
             "seconds": 0.0, "optimizer_steps": step}  # fmt: skip
    write_marker(place / "meta.json", facts)


def begun(folder: Path, most: int, job: str | None) -> Attempts:
    attempts = Attempts(folder, most, job)
    attempts.begin()
    return attempts


def test_a_restart_is_asked_for_once(tmp_path: Path) -> None:
    assert take_restart(tmp_path) is None
    ask_for_restart(tmp_path, Restart("rollback", 12))
    asked = take_restart(tmp_path)
    assert asked is not None
    assert (asked.reason, asked.step) == ("rollback", 12)
    assert take_restart(tmp_path) is None


@pytest.mark.parametrize("text", ["", '{"reason": "rollback"', '{"step": 3}', "[]", "[" * 100_000])
def test_a_request_that_cannot_be_read_is_none_and_goes_away(tmp_path: Path, text: str) -> None:
    (tmp_path / RESTART_FILE).write_text(text)
    assert take_restart(tmp_path) is None
    assert not (tmp_path / RESTART_FILE).exists()


def test_the_newest_step_is_that_of_a_complete_checkpoint(tmp_path: Path) -> None:
    assert newest_step(tmp_path) == -1
    for step in (20, 100, 30):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoints/step-00000200").mkdir()
    assert newest_step(tmp_path) == 100


def test_attempts_are_counted_over_requeues_until_a_checkpoint_is_new(tmp_path: Path) -> None:
    assert [begun(tmp_path, 3, "7").exhausted() for _ in range(3)] == [False, False, True]
    assert not begun(tmp_path, 3, "8").exhausted(), "another job starts anew"
    assert not begun(tmp_path, 3, "8").exhausted()
    third = begun(tmp_path, 3, "8")
    checkpoint(tmp_path, 10)
    assert not third.exhausted()
    assert [begun(tmp_path, 3, "8").exhausted() for _ in range(3)] == [False, False, True]
    assert begun(tmp_path, 3, "8").overdrawn(), "a launch that ended with its node counts"


def test_without_a_job_launches_of_this_process_alone_count(tmp_path: Path) -> None:
    attempts = begun(tmp_path, 2, None)
    assert not attempts.exhausted()
    attempts.begin()
    assert attempts.exhausted()
    assert not attempts.overdrawn()
    assert not begun(tmp_path, 2, None).exhausted()
    assert not (tmp_path / ATTEMPTS_FILE).exists()


def test_a_count_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    begun(tmp_path, 9, "7")
    begun(tmp_path, 9, "7")
    kept = json.loads((tmp_path / ATTEMPTS_FILE).read_text())
    assert kept["value"] == {"job": "7", "launches": 2, "step": -1}
    kept["value"]["launches"] = 0
    (tmp_path / ATTEMPTS_FILE).write_text(json.dumps(kept))
    begun(tmp_path, 9, "7")
    assert json.loads((tmp_path / ATTEMPTS_FILE).read_text())["value"]["launches"] == 1


def test_the_count_is_told_where_more_than_one_launch_is_allowed(tmp_path: Path) -> None:
    assert str(begun(tmp_path, 1, None)) == ""
    assert (
        str(begun(tmp_path, 3, None)) == "; 1 launch in a row without a new checkpoint (launcher.attempts=3)"
    )
