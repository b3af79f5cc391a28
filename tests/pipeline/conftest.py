"""A stage of one process that takes a moment, frozen as the planner does it."""

from pathlib import Path

import pytest

from pipeline.frozen import Frozen
from tests.pipeline.test_launching import configured, frozen_stages


@pytest.fixture
def frozen(tmp_path: Path) -> Frozen:
    """The download stage of a corpus of one line, in a store below the test's folder."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("A line.\n")
    words = ("experiment=own", "corpus=files", f"corpus.paths=[{corpus}]", "stage=download")
    places = (f"run.artifacts={tmp_path / 'artifacts'}", f"run.runs={tmp_path / 'runs'}", "tracking=none")
    return frozen_stages(configured(*words, *places), tmp_path)["download"]
