"""Runs a notebook's cells without Jupyter; `python -m tests.inference.notebooks FILE` keeps what they show in it."""

import io
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt

plt.switch_backend("agg")
COMMAND = re.compile(r"^!((?:.*\\\n)*.*)$", re.MULTILINE)
"""A line that Jupyter gives to the shell, with those that continue it."""


class Shown(NamedTuple):
    """What a cell shows."""

    text: str
    pictures: list[bytes]
    """As PNG."""


def in_the_shell(command: str) -> str:
    """What it prints."""
    shell = ["bash", "-c", command]
    return subprocess.run(
        shell, text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout


def run_cells(notebook: dict[str, Any], run_command: Callable[[str], str] = in_the_shell) -> list[Shown]:
    """What each of the code cells shows, run in order in one namespace."""
    names: dict[str, Any] = {"run_command": run_command}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = COMMAND.sub(_as_python, "".join(cell["source"]))
            with redirect_stdout(io.StringIO()) as out:
                exec(code, names)
            shown.append(Shown(out.getvalue(), list(_pictures())))
    return shown


def _as_python(command: re.Match[str]) -> str:
    return f"print(run_command({command[1]!r}), end='')"


def _pictures() -> Iterator[bytes]:
    """Those that were drawn and not yet closed, which Jupyter would show, too."""
    for number in plt.get_fignums():
        file = io.BytesIO()
        plt.figure(number).savefig(file, format="png", dpi=72)
        plt.close(number)
        yield file.getvalue()


def keep_outputs(file: Path) -> None:
    """Run the notebook in its folder and write what its cells show into it."""
    file = file.resolve()  # a cell may go elsewhere
    os.chdir(file.parent)
    notebook = json.loads(file.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, (text, pictures)) in enumerate(zip(code, run_cells(notebook), strict=True), 1):
        lines = text.splitlines(keepends=True)
        cell["execution_count"] = number
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
        for picture in pictures:
            data = {"image/png": b64encode(picture).decode()}
            cell["outputs"].append({"output_type": "display_data", "metadata": {}, "data": data})
    file.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    keep_outputs(Path(sys.argv[1]))
