"""Fixtures of the data preparation tests."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cleaning
import pytest

from pipeline.context import Context


@pytest.fixture
def clean_corpus(make_context: Callable[..., Context]) -> Callable[..., cleaning.Cleaned]:
    """Run the clean stage over files: see `cleaning.clean_corpus`."""
    return partial(cleaning.clean_corpus, make_context)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file into the test's folder."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file
