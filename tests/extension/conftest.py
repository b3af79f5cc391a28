"""The user's package that all tests of plugins share."""

import shutil
from pathlib import Path

import pytest

LAB = Path(__file__).parent / "my_lab"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's package in a folder of its own, which Python finds."""
    shutil.copytree(LAB, tmp_path / "lab" / "my_lab", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lab"))
    return tmp_path / "lab" / "my_lab"
