"""A slice of the fuzzing; `python -m tests.fuzz` does a thousand rounds of each target."""

import os
import time
from pathlib import Path
from random import Random

import pytest

from pipeline.errors import UserError
from tests.fuzz.mutations import mutated
from tests.fuzz.rounds import run_rounds
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_no_damage_ends_in_a_traceback(name: str) -> None:
    findings = run_rounds(TARGETS[name](), seed=1, rounds=10)
    assert findings.first == {}
    assert findings.taken + findings.refused == 10


def test_a_traceback_a_crash_and_a_message_are_told_apart() -> None:
    def one(folder: Path, random: Random) -> None:
        if random.random() < 0.3:
            raise KeyError("x")
        if random.random() < 0.3:
            raise UserError("y")
        if random.random() < 0.3:
            os._exit(9)

    findings = run_rounds(one, seed=0, rounds=40)
    assert findings.taken > 0
    assert findings.refused > 0
    assert findings.faults["KeyError in outside"] > 0
    assert any("status" in fault for fault in findings.faults)
    assert findings.taken + findings.refused + sum(findings.faults.values()) == 40


def test_a_hang_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.rounds.ROUND_SECONDS", 1)
    findings = run_rounds(lambda folder, random: time.sleep(30), seed=0, rounds=1)
    assert list(findings.faults) == ["Hangs in outside"]


def test_rounds_are_the_same_again() -> None:
    content = bytes(range(256)) * 4
    first = [mutated(content, Random(f"0:{number}")) for number in range(50)]
    assert first == [mutated(content, Random(f"0:{number}")) for number in range(50)]
    assert sum(each != content for each in first) >= 49
