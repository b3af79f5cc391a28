"""GPUs that are asked for and are not there are told before anything runs."""

from collections.abc import Callable
from pathlib import Path

from tests.command_line import TINY

SO_MANY = ["trainer=gpu", "trainer.devices=64", "trainer.global_batch=64"]
LACKING = "the trainer asks for 64 GPUs, and "


def test_a_run_is_refused_before_its_first_stage(tmp_path: Path, pipeline: Callable) -> None:
    done = pipeline(tmp_path, *SO_MANY, "strategy=ddp", base=[*TINY, "finetune=none"])
    assert done.returncode == 2
    assert LACKING in done.stderr
    assert "can be seen on this machine; set " in done.stderr
    assert not list(tmp_path.glob("artifacts/*/*/manifest.json"))


def test_a_dry_run_may_be_for_another_machine(tmp_path: Path, pipeline: Callable) -> None:
    there = ["dryrun=true", "trainer.device_memory_gb=80", "strategy=ddp"]
    done = pipeline(tmp_path, *SO_MANY, *there, base=[*TINY, "finetune=none"])
    assert done.returncode == 0, done.stderr
    assert "looked at where it runs: " in done.stdout
