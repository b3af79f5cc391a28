"""The byte tokenizer as an artifact."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.tokenizers import TextEncoder


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
