"""A small model and its tokenizer, pairs of answers, and the stage on them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.stages import FinetuneStage
from pipeline.formats.tokenizers import save_tokenizer
from train.checkpoints.final_model import save_model
from train.models import build_model

CONTEXT = 48


@pytest.fixture
def pretrained(tmp_path: Path, tokenizer) -> dict[str, Path]:
    """Inputs of the stage: a tokenizer of bytes and a small model with random weights."""
    torch.manual_seed(0)
    config = DecoderConfig(layout="llama", layers=2, hidden=32, heads=2, context=CONTEXT)
    save_tokenizer(tokenizer, tmp_path / "tok" / "tokenizer")
    state = build_model(config, len(tokenizer)).state_dict()
    save_model(tmp_path / "pre", state, config, len(tokenizer))
    return {"tokenizer": tmp_path / "tok", "pretrain": tmp_path / "pre"}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Sixty prompts; the polite answer is chosen."""
    rows = [
        {"prompt": f"Say {n}.", "chosen": f"Gladly: {n}", "rejected": f"No. {n}!"} for n in range(100, 160)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def stage() -> Callable[..., FinetuneStage]:
    def make(**finetune) -> FinetuneStage:
        finetune.setdefault("optim", {"name": "adamw", "lr": 1e-3})
        trainer = {"steps": 12, "global_batch": 8, "threads": 1, "sample_every": 0, "checkpoint_every": 0}
        trainer |= {"log_every": 1} | finetune.pop("trainer", {})
        return FinetuneStage(seed=1, strategy={"name": "single"}, finetune={**finetune, "trainer": trainer})

    return make
