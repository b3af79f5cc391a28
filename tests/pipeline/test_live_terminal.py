"""What stays at the bottom of a terminal while work goes on: the line of a training, and the jobs of a sweep."""

import re
import subprocess
import sys
from pathlib import Path

from tests.terminal import in_a_terminal

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
from pipeline.launch.stage_log import StageLog
from pipeline.live_line import LIVE_LINE, ON_LIVE_LINE
log = StageLog("pretrain").logger
log.info("step 10 in full", extra={ON_LIVE_LINE: LIVE_LINE.is_possible})
LIVE_LINE.show("step 10/20 (50%)  loss 4.1  " + "x" * 200)
log.info("validation loss 4.2")
LIVE_LINE.close()
log.info("done")
"""
SWEEP = """
import sys, time
from pathlib import Path
from pipeline.sweep.board import Board
log = Path(sys.argv[1])
log.write_text("pretrain | step 3\\n")
with Board() as board:
    board.announce("1/2 lr=1: started")
    board.started("a", "1/2 lr=1", log)
    time.sleep(1.2)
    board.ended("a")
    board.announce("1/2 lr=1: 4.5 after 1 s")
"""


def test_a_training_has_one_line_below_its_log() -> None:
    shown = in_a_terminal(TRAINING)
    assert "in full" not in shown, "the live line tells it"
    lines = shown.replace("\r\n", "\n").split("\n")
    assert [re.split(r"\x1b\[2K", line)[-1].strip("\r") for line in lines] == [
        "pretrain  | validation loss 4.2",
        "pretrain  | done",
        "",
    ], "the live line is taken away before each other line"
    (live,) = set(re.findall(r"step 10/20[^\r]*", shown))
    assert len(live) == 79
    plain = subprocess.run(
        [sys.executable, "-c", TRAINING], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert [line.partition("| ")[2] for line in plain.splitlines()] == [
        "step 10 in full",
        "validation loss 4.2",
        "done",
    ]


def test_a_long_line_ends_between_words_below_its_stage() -> None:
    program = 'from pipeline.launch.stage_log import StageLog; StageLog("clean").logger.info("word " * 30 + "中" * 40)'
    lines = in_a_terminal(program).replace("\r\n", "\n").rstrip("\n").split("\n")
    assert lines[0] == "clean     | " + "word " * 12 + "word"
    assert lines[1:3] == ["          | " + "word " * 12 + "word", "          | word word word word"]
    assert [len(line) for line in lines[3:]] == [12 + 34, 12 + 6], "68 columns hold 34 of these characters"


def test_what_a_launcher_tells_ends_between_words_too() -> None:
    program = 'from pipeline.announce import announce; announce("run       | " + "word " * 15); announce("word " * 17)'
    lines = in_a_terminal(program).replace("\r\n", "\n").splitlines()
    assert lines == [
        "run       | " + "word " * 12 + "word",
        "          | word word",
        "word " * 15 + "word",
        "word",
    ]


def test_a_sweep_shows_its_running_jobs(tmp_path: Path) -> None:
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", in_a_terminal(SWEEP, str(tmp_path / "log.txt")))
    assert re.search(r"1/2 lr=1 +0:00:0[01] +pretrain \| step 3", shown)
    lines = [line.strip() for line in shown.replace("\r", "\n").splitlines() if line.strip()]
    assert lines.index("1/2 lr=1: started") < lines.index("1/2 lr=1: 4.5 after 1 s")
    plain = subprocess.run(
        [sys.executable, "-c", SWEEP, str(tmp_path / "log.txt")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    assert plain == "1/2 lr=1: started\n1/2 lr=1: 4.5 after 1 s\n"
