"""The spec of a stage of one process that takes a moment, as the planner makes it."""

from pathlib import Path

import pytest

from pipeline.stage_spec import StageSpec
from tests.pipeline.test_launching import configured, stage_specs


@pytest.fixture
def spec(tmp_path: Path) -> StageSpec:
    """The download stage of a corpus of one line, in a store below the test's folder."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("A line.\n")
    words = ("experiment=own", "corpus=files", f"corpus.paths=[{corpus}]", "stage=download")
    places = (f"run.artifacts={tmp_path / 'artifacts'}", f"run.runs={tmp_path / 'runs'}", "tracking=none")
    return stage_specs(configured(*words, *places), tmp_path)["download"]
