"""Runs a notebook's cells without Jupyter; `python -m tests.inference.notebooks FILE` keeps what they print in it."""

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def run_cells(notebook: dict[str, Any]) -> list[str]:
    """What each of the code cells prints, run in order in one namespace."""
    names: dict[str, Any] = {}
    printed = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            with redirect_stdout(io.StringIO()) as out:
                exec("".join(cell["source"]), names)
            printed.append(out.getvalue())
    return printed


def keep_outputs(file: Path) -> None:
    """Run the notebook and write what its cells print into it."""
    notebook = json.loads(file.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, text) in enumerate(zip(code, run_cells(notebook), strict=True), 1):
        lines = text.splitlines(keepends=True)
        cell["execution_count"] = number
        cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
    file.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    keep_outputs(Path(sys.argv[1]))
