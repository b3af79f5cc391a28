"""`dryrun=true` prints plan and forecast, builds nothing, and refuses what cannot fit."""

import json
import math
import os
import subprocess
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.command_line import TINY, environment, places
from tests.warm.process import run_warm


def dry_run(folder: Path, *words: str, width: int = 100) -> subprocess.CompletedProcess:
    return run_warm(
        environment() | {"COLUMNS": str(width)}, "pipeline", *places(folder), "tracking=none", *words
    )


@pytest.mark.parametrize("width", [80, 120])
def test_llama_1b_on_gpus_that_are_elsewhere(tmp_path: Path, width: int) -> None:
    words = ["experiment=llama_1b", "stage=export", "dryrun=true", "trainer.device_memory_gb=80"]
    words += ["run.cost.device=H100", "run.cost.price=2.5"]
    result = dry_run(tmp_path, *words, width=width)
    assert result.returncode == 0, result.stderr
    text = " ".join(result.stdout.split())
    for expected in (
        "1,100,048,384 parameters, 32,000 token ids",
        "32 (4 × 8), strategy zero1, bf16, GPU",
        "512 × 2,048 = 1,048,576 tokens per step; per rank 2 × 8 sequences",
        "steps 20,981",
        "13.20 GB each",
        "of 80.00 GB (trainer.device_memory_gb)",
        "time 3.5 hours of steps",
        "GPU-hours 113; at 2.5 an hour: 282.46",
        "energy 79.1 kWh",
    ):
        assert expected in text
    for stage in ("download", "clean", "tokenizer", "shards", "pretrain", "evaluate", "export"):
        assert f"{stage} build" in text
    assert max(map(len, result.stdout.splitlines())) <= width
    assert not (tmp_path / "runs").exists()
    assert not list(tmp_path.glob("artifacts/*/*"))


def test_a_run_that_cannot_fit_is_refused_dry_and_for_real(tmp_path: Path) -> None:
    words = ["experiment=gpt2_124m", "stage=pretrain", "trainer.device_memory_gb=10"]
    dry = dry_run(tmp_path, *words, "dryrun=true")
    assert dry.returncode == 2
    assert "124,439,808 parameters" in dry.stdout
    assert "does not fit" in dry.stderr
    remedy = dry.stderr.split("any of these fits: ")[1].split(";")[0].split()
    assert dry_run(tmp_path, *words, *remedy, "dryrun=true").returncode == 0
    real = dry_run(tmp_path, *words)
    assert (real.returncode, real.stderr) == (2, dry.stderr)
    assert not (tmp_path / "runs").exists(), "what is refused is no start of the run"
    assert not list(tmp_path.glob("artifacts/*/*"))


def test_without_a_gpu_in_sight_nothing_is_refused(tmp_path: Path) -> None:
    result = dry_run(
        tmp_path, "experiment=gpt2_124m", "stage=pretrain", "dryrun=true", "trainer.accelerator=gpu"
    )
    assert result.returncode == 0, result.stderr
    if not os.path.exists("/dev/nvidia0"):
        assert "no GPU is visible here" in result.stdout
        told = " ".join(result.stdout.split())
        assert "pretrain gpus later looked at where it runs: the trainer asks for 8 GPUs" in told


def test_built_stages_are_reused_and_tell_steps_and_vocabulary(tmp_path: Path, shards: Path) -> None:
    words = [*TINY, "trainer.steps=null", "trainer.epochs=2", "stage=pretrain", "dryrun=true"]
    before = dry_run(tmp_path, *words)
    assert "known when the shards are built" in " ".join(before.stdout.split())
    text = " ".join(dry_run(shards, *words).stdout.split())
    assert "shards reuse" in text
    assert "pretrain build" in text
    assert "400 token ids" in text
    manifest = json.loads(next(shards.glob("artifacts/shards/*/manifest.json")).read_text())
    windows = (manifest["metrics"]["train_tokens"] - 1) // 64
    assert f"steps {math.ceil(2 * windows / 4):,} tokens" in text


@pytest.mark.parametrize("there", [True, False])
def test_the_vocabulary_of_a_pretrained_tokenizer_is_counted(tmp_path: Path, there: bool) -> None:
    """One in an artifact that is still to be built is not known."""
    alphabet = {token: id for id, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    (tmp_path / "theirs").mkdir()
    Tokenizer(models.BPE(alphabet, [])).save(str(tmp_path / "theirs" / "tokenizer.json"))
    (tmp_path / "notes.txt").write_text("Some text.")
    path = tmp_path / "theirs" if there else "artifact://download/theirs"
    words = [
        "experiment=own",
        "corpus=files",
        f"corpus.paths=[{tmp_path / 'notes.txt'}]",
        "tokenizer=pretrained",
        f"tokenizer.path={path}",
        "tokenizer.special_tokens=[TURN]",
        "stage=pretrain",
        "dryrun=true",
    ]
    result = dry_run(tmp_path, *words)
    text = " ".join(result.stdout.split())
    assert ("257 token ids" in text) == there, result.stdout + result.stderr
    assert ("pretrain: not predicted before the tokenizer is there" in text) != there


def test_a_vocabulary_that_the_text_does_not_support_is_told(shards: Path) -> None:
    """Where the documents are there: the run itself says it in the tokenizer's stage, which comes next."""
    words = [*TINY, "stage=pretrain", "dryrun=true", "run.name=wide"]
    fine = dry_run(shards, *words, "tokenizer.vocab_size=390")
    assert "the text supports its 390 tokens" in " ".join(fine.stdout.split())
    refused = dry_run(shards, *words, "tokenizer.vocab_size=90000")
    assert refused.returncode == 2
    assert "stage tokenizer would fail: the training text supports" in refused.stderr
    assert "tokenizer.vocab_size asks for 90,000" in refused.stderr
    table = " ".join(refused.stdout.split())
    assert "fails the training text supports" in table
    assert "asks for 90,000" not in table, "all of it is told once, at the end"


def test_a_price_and_a_device_that_are_of_no_use_are_told(shards: Path) -> None:
    def told(*words: str) -> str:
        result = dry_run(shards, *TINY, "dryrun=true", "run.cost.price=2", *words)
        return " ".join((result.stdout + result.stderr).split())

    assert "run.cost.price has nothing to count: none of these stages trains a model" in told("stage=clean")
    training = told("stage=finetune", "run.cost.device=H100")
    assert "time" in training
    assert "run.cost.device=H100 is not heeded: this trains on the CPU" in training
    assert "device='H1000' is no GPU whose data sheet is known here; such are H100" in told(
        "run.cost.device=H1000"
    )


def test_a_command_that_is_to_be_copied_is_told_once_on_one_line(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for name in ("a.txt", "b.txt"):
        (notes / name).write_bytes(
            ("人工智能是计算机科学的一个分支，它企图了解智能的实质。" * 20).encode("gb18030")
        )
    result = dry_run(tmp_path, "experiment=own", "dryrun=true", f"corpus.paths=[{notes}]")
    assert result.returncode == 2
    assert "fails 2 files are not UTF-8" in " ".join(result.stdout.split())
    assert "iconv" not in result.stdout
    (line,) = [line for line in result.stderr.splitlines() if "iconv" in line]
    subprocess.run(["bash", "-c", line.rpartition(": ")[2]], check=True)
    assert (notes / "b.txt").read_text(encoding="utf-8").startswith("人工智能")
