"""The encoder–decoder under every strategy, on span corruption: each trains it like one process."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_metrics
from tests.command_line import TINY, copy_data_stages, run_pipeline

pytestmark = pytest.mark.distributed
STEPS = 8
SETTINGS = [
    "model=t5_tiny",
    "objective=span_corruption",
    "tokenizer.sentinels=4",
    "finetune=none",
    "optim=adamw",
    "optim.lr=1e-3",
    f"trainer.steps={STEPS}",
    "trainer.log_every=1",
    "trainer.checkpoint_every=0",
]
BASE = [word for word in TINY if not word.startswith("finetune.")]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, no accumulation."""
    folder = tmp_path_factory.mktemp("alone")
    result = run_pipeline(folder, "stage=pretrain", *SETTINGS, base=BASE)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def same(expected: Path, found: Path) -> None:
    """The same losses and weights, up to the order of fp32 sums."""
    ours, theirs = (folder / "runs/demo/pretrain" for folder in (expected, found))
    losses = [[row["train/loss"] for row in read_metrics(folder)] for folder in (ours, theirs)]
    assert losses[1] == pytest.approx(losses[0], rel=2e-4)
    weights, others = (load_file(folder / "model" / "model.safetensors") for folder in (ours, theirs))
    assert weights.keys() == others.keys()
    for name in weights:
        torch.testing.assert_close(weights[name], others[name], atol=5e-4, rtol=2e-3)


@pytest.mark.parametrize(
    "words",
    [
        ["strategy=ddp"],
        ["strategy=fsdp", "trainer.activation_checkpointing=true"],
        ["strategy=zero1"],
        ["strategy=zero3"],
    ],
    ids=lambda words: words[0].removeprefix("strategy="),
)
def test_two_processes_with_accumulation_train_like_one(
    words: list[str], alone: Path, tmp_path: Path
) -> None:
    copy_data_stages(alone, tmp_path)
    spread = ["trainer.devices=2", "trainer.micro_batch=1", *words]
    result = run_pipeline(tmp_path, "stage=pretrain", *SETTINGS, *spread, base=BASE)
    assert result.returncode == 0, result.stdout + result.stderr
    same(alone, tmp_path)


BART = (
    "model_type: bart, d_model: 32, encoder_layers: 1, decoder_layers: 1, encoder_ffn_dim: 48, decoder_ffn_dim: 48, "
    "encoder_attention_heads: 2, decoder_attention_heads: 2, dropout: 0.0, "
    "pad_token_id: 1, bos_token_id: 0, eos_token_id: 2, decoder_start_token_id: 2"
)
T5 = (  # two blocks in a stack, which share the biases of the first
    "model_type: t5, d_model: 32, d_kv: 16, d_ff: 48, num_layers: 2, num_decoder_layers: 2, num_heads: 2, "
    "dropout_rate: 0.0, pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0"
)


@pytest.mark.parametrize(
    ("model", "strategies"), [(BART, ["fsdp", "zero2"]), (T5, ["zero3"])], ids=["bart", "t5"]
)
def test_those_of_transformers_are_sharded_and_train_like_one_process(
    model: str, strategies: list[str], alone: Path, tmp_path: Path
) -> None:
    words = [*SETTINGS, "model=hf", "model.context=64", f"model.config={{{model}}}", "trainer.steps=4"]
    base = [word for word in BASE if not word.startswith("model.")]
    for strategy in ["single", *strategies]:
        copy_data_stages(alone, tmp_path / strategy)
        spread = ["trainer.devices=2", f"strategy={strategy}"] if strategy in strategies else []
        result = run_pipeline(tmp_path / strategy, "stage=pretrain", *words, *spread, base=base)
        assert result.returncode == 0, result.stdout + result.stderr
        same(tmp_path / "single", tmp_path / strategy)
