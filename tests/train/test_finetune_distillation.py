"""Fine-tuning from a teacher: conversations and text to text, read along or stored, in rows of their own or shared."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.stages import FinetuneStage
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.tracking.tracker import read_metrics
from train.checkpoints.final_model import save_model
from train.finetune import run
from train.models import build_model

CONTEXT = 48


@pytest.fixture
def inputs(tmp_path: Path, chat_tokenizer) -> dict[str, Path]:
    """Of the stage; beside them a teacher twice as wide."""
    save_tokenizer(chat_tokenizer, tmp_path / "tok" / "tokenizer")
    for name, hidden in (("pre", 16), ("teacher", 32)):
        torch.manual_seed(hidden)
        config = DecoderConfig(layout="llama", layers=1, hidden=hidden, heads=2, context=CONTEXT)
        state = build_model(config, len(chat_tokenizer)).state_dict()
        save_model(tmp_path / name, state, config, len(chat_tokenizer))
    return {"tokenizer": tmp_path / "tok", "pretrain": tmp_path / "pre"}


@pytest.fixture
def train_file(tmp_path: Path) -> Path:
    rows = [{"prompt": f"Say {'so ' * (n % 3)}{n}.", "response": f"Gladly: {n}"} for n in range(100, 140)]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("task", "batching"), [("instruct", "padded"), ("instruct", "packed"), ("seq2seq", "by_length")]
)
def test_it_learns_the_same_from_what_was_stored(
    task: str,
    batching: str,
    inputs: dict[str, Path],
    train_file: Path,
    tmp_path: Path,
    make_context: Callable,
) -> None:
    def tune(name: str, distill: dict | None) -> dict[str, torch.Tensor]:
        trainer = {"steps": 8, "global_batch": 8, "threads": 1, "sample_every": 0, "checkpoint_every": 0}
        settings = {
            "task": task,
            "data": {"train": str(train_file)},
            "batching": batching,
            "optim": {"name": "adamw", "lr": 1e-3},
            "trainer": trainer | {"log_every": 1},
            "distill": distill,
        }
        config = FinetuneStage(seed=1, strategy={"name": "single"}, finetune=settings)
        context = make_context(tmp_path / name, **inputs)
        run(config, context)
        return load_file(tmp_path / name / "model/model.safetensors")

    teacher = {"teacher": str(tmp_path / "teacher"), "top_k": 16}
    live = tune("live", teacher)
    stored = tune("stored", teacher | {"cache": True})
    plain = tune("plain", None)
    for name, tensor in live.items():
        torch.testing.assert_close(stored[name], tensor, atol=1e-5, rtol=1e-4)
    assert any(not torch.allclose(plain[name], tensor, atol=1e-4) for name, tensor in live.items())
    rows, untaught = read_metrics(tmp_path / "stored"), read_metrics(tmp_path / "plain")
    assert all(row["train/distillation_loss"] > 0 for row in rows if "train/loss" in row)
    assert rows[0]["train/loss"] == untaught[0]["train/loss"], (
        "before the first step the text's loss is the same"
    )
    assert not any("validation/distillation_loss" in row for row in rows)
