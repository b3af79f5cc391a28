"""The byte tokenizer as an artifact."""

from collections.abc import Callable
from pathlib import Path

import pytest

from eval.comparison.evaluated_run import EvaluatedRun
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.tokenizers import TextEncoder
from tests.eval.evaluated_runs import run_maker
from train.products import use_fastest_products

# As in every stage, and from the first test on: else what a test computes would depend on those before it.
use_fastest_products()


@pytest.fixture
def save_tokenizer(tokenizer) -> Callable[[Path], Path]:
    def save(artifact: Path) -> Path:
        tokenizer.save_pretrained(artifact / TOKENIZER_FOLDER)
        return artifact

    return save


@pytest.fixture
def encoder(save_tokenizer, tmp_path) -> TextEncoder:
    """The same tokenizer, as corpus text is encoded."""
    return TextEncoder(save_tokenizer(tmp_path / "tokenizer"))


@pytest.fixture
def runs(tmp_path: Path) -> Callable[..., EvaluatedRun]:
    """A maker of evaluated runs: see `run_maker`."""
    return run_maker(tmp_path)
