"""Rounds of a target in a child process, so that a crash of the interpreter or a hang is one more finding."""

import json
import os
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pipeline.errors import message_for_user

ROUND_SECONDS = 20
Round = Callable[[Path, Random], None]
"""Does one round in a folder of its own; it may raise what the user is told."""


@dataclass
class Findings:
    """What the rounds of a target came to."""

    taken: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Tracebacks, crashes and hangs by their last lines, with how often."""
    first: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Of each the first round's number and the whole traceback."""

    def add(self, number: int, outcome: str, detail: str) -> None:
        if outcome in ("taken", "refused"):
            setattr(self, outcome, getattr(self, outcome) + 1)
        else:
            self.faults[outcome] += 1
            self.first.setdefault(outcome, (number, detail))


class Hangs(BaseException):
    """A round takes far longer than any may."""


def run_rounds(one: Round, seed: int, rounds: int) -> Findings:
    """Rounds `seed:0`, `seed:1`, …, each with random choices of its own, so that any can be done alone."""
    findings, number = Findings(), 0
    while number < rounds:
        with tempfile.TemporaryFile("w+") as report:
            child = os.fork()
            if child == 0:
                _child(one, seed, number, rounds, report.fileno())
            _, status = os.waitpid(child, 0)
            report.seek(0)
            for line in report:
                outcome, detail = json.loads(line)
                findings.add(number, outcome, detail)
                number += 1
        if status and number < rounds:
            findings.add(number, f"the process ended with status {status}", "")
            number += 1
    return findings


def _child(one: Round, seed: int, first: int, rounds: int, report: int) -> None:
    signal.signal(signal.SIGALRM, _hangs)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    for number in range(first, rounds):
        signal.alarm(ROUND_SECONDS)
        with tempfile.TemporaryDirectory() as folder:
            outcome = _outcome(one, Path(folder), Random(f"{seed}:{number}"))
        signal.alarm(0)
        os.write(report, (json.dumps(outcome) + "\n").encode())
    os._exit(0)


def _hangs(*_: object) -> None:
    raise Hangs


def _outcome(one: Round, folder: Path, random: Random) -> tuple[str, str]:
    try:
        one(folder, random)
    except BaseException as error:
        message = message_for_user(error)
        if message:
            return "refused", message[:200]
        frames = traceback.extract_tb(error.__traceback__)
        ours = [
            frame for frame in frames if ".venv" not in frame.filename and "/tests/" not in frame.filename
        ]
        place = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "outside"
        return f"{type(error).__name__} in {place}", "".join(traceback.format_exception(error))[-3000:]
    return "taken", ""


def print_findings(name: str, findings: Findings) -> None:
    total = sum(findings.faults.values())
    print(f"{name:<14} {findings.taken:>5} taken {findings.refused:>5} refused {total:>5} faults", flush=True)
    for what, count in findings.faults.most_common():
        number, detail = findings.first[what]
        print(
            f"  {count} × {what}, first in round {number}\n    " + detail.replace("\n", "\n    "),
            file=sys.stderr,
        )
