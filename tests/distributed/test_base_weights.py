"""Fine-tuning from a run that exists, under several processes: each begins with that run's weights."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from pipeline.tracking.tracker import read_metrics
from tests.command_line import run_pipeline
from tests.train.written_runs import write_run

pytestmark = pytest.mark.distributed


Losses = tuple[float, float]
"""Of the first step, which no update comes before, and of the validation after it."""


@pytest.fixture(scope="module")
def tune(tiny_model: Callable, tokenizer: PreTrainedTokenizerFast) -> Callable[..., Losses]:
    """`tune(folder, "strategy=ddp", …)` writes a run `base` into the folder, and fine-tunes its model."""

    def run(folder: Path, *words: str) -> Losses:
        write_run(folder, tiny_model, tokenizer)
        rows = [{"prompt": f"{n}?", "response": f"It is {n % 7}."} for n in range(40)]
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        trainer = ("steps=1", "epochs=null", "global_batch=4", "log_every=1", "validate_every=1", "threads=1")
        result = run_pipeline(
            folder,
            "stage=finetune",
            "finetune=instruct",
            "finetune.init=base",
            f"finetune.data.train={folder / 'rows.jsonl'}",
            "finetune.optim.lr=1e-5",
            *(f"finetune.trainer.{setting}" for setting in trainer),
            *words,
            base=["experiment=own", "run.name=mine", "tracking=none", "run.progress=false"],
        )
        assert result.returncode == 0, result.stdout + result.stderr
        (row,) = read_metrics(folder / "runs/mine/finetune")
        return row["train/loss"], row["validation/loss"]

    return run


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tune: Callable[..., Losses]) -> Losses:
    return tune(tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero3"])
def test_two_ranks_begin_with_the_weights_of_the_run(
    strategy: str, alone: Losses, tune: Callable[..., Losses], tmp_path: Path
) -> None:
    found = tune(tmp_path, f"strategy={strategy}", "finetune.trainer.devices=2")
    assert found == pytest.approx(alone, abs=1e-5)
