"""Programs that are run on a terminal."""

import os
import pty
import subprocess
import sys

from pipeline import ROOT


def in_a_terminal(program: str, *words: str, columns: int = 80) -> str:
    """What the terminal was sent by a program of Python."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": str(columns)}
    command = [sys.executable, "-c", program, *words]
    process = subprocess.Popen(command, stdout=theirs, cwd=ROOT, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()
