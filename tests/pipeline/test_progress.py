"""Progress: a bar on a terminal, lines in a log, nothing where it is switched off."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import progress as module
from pipeline.progress import describe_progress, progress
from tests.terminal import in_a_terminal

ROOT = Path(__file__).resolve().parents[2]
WORK = """
import time
from pipeline.progress import progress
with progress("clean", 40e6, "MB", scale=1e6) as bar:
    for _ in range(40):
        bar.advance(1e6)
        time.sleep(0.01)
"""


def test_a_terminal_shows_a_bar_with_rate_and_share():
    shown = in_a_terminal(WORK, columns=120)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "━" in text
    assert re.search(r"clean .*40\.0 MB, [\d.,]+ MB/s, done in 0:00:00", text)


def test_short_work_writes_nothing_into_a_log():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == done.stderr == ""


def test_long_work_writes_a_line_now_and_then_and_at_its_end(capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("tokens", 400, "documents") as bar:
        for _ in range(25):
            now[0] += 1
            bar.advance(10)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "tokens: 100 documents, 10 documents/s, 25%, ETA 0:00:30",
        "tokens: 200 documents, 10 documents/s, 50%, ETA 0:00:20",
        "tokens: 250 documents, 10 documents/s, done in 0:00:25",
    ]


def test_who_has_enough_ends_it_and_who_fails_does_not(capsys, monkeypatch):
    monkeypatch.setattr(module, "LINE_EVERY_SECONDS", 0.0)

    def numbers():
        with progress("read", 100, "files") as bar:
            for number in range(100):
                bar.advance()
                yield number

    some = numbers()
    next(some), next(some)
    some.close()
    assert re.search(r"read: 2\.0 files, .* files/s, done in 0:00:00$", capsys.readouterr().out.strip())

    def fail():
        with progress("read", 100, "files") as bar:
            bar.advance()
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        fail()
    assert "done" not in capsys.readouterr().out


def test_switched_off_it_shows_nothing(capsys, monkeypatch):
    monkeypatch.setattr(module, "LINE_EVERY_SECONDS", 0.0)
    with progress("tokens", 400, "documents", enabled=False) as bar:
        bar.advance(400)
    assert capsys.readouterr().out == ""


def test_work_of_unknown_size_has_no_eta():
    assert describe_progress(5e6, None, 2.0, "MB", 1e6) == "5.0 MB, 2.5 MB/s"


def test_items_are_shown_as_a_rate_beside():
    text = describe_progress(6e6, 12e6, 2.0, "MB", 1e6, ("documents", 5000))
    assert text == "6.0 MB, 3.0 MB/s, 2,500 documents/s, 50%, ETA 0:00:02"
