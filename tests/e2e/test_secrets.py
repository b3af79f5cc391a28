"""Secrets planted in all places that take one are in nothing that stays, and in nothing that others can read."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT, environment, environment_of_sweeps, warm
from tests.warm.process import run_warm

pytestmark = pytest.mark.e2e
PLANTED = re.compile(rb"planted-?\d")
IN_LAUNCHER_ENV = {
    "HF_TOKEN": "planted-1-huggingface",
    "AWS_SECRET_ACCESS_KEY": "planted-2-aws",
    "HTTPS_PROXY": "http://me:planted-3-proxy@proxy.invalid:3128",
    "PLAIN_SETTING": "planted-4-named-like-none",
}
IN_ENVIRONMENT = {
    "WANDB_API_KEY": "planted5" * 5,
    "LAB_PASSWORD": "planted-6-of-the-shell",
}
IN_SLURM = [
    "launcher.setup=['export LAB_API_KEY=planted-7-setup','curl -H \"Authorization: Bearer planted-8-of-a-header\" x']",
    "launcher.extra=['--export=ALL,GITHUB_TOKEN=planted-9-extra']",
    "launcher.container=docker://me:planted-10-registry@registry.invalid/image",
]
ENV_WORDS = [f"launcher.env.{name}='{value}'" for name, value in IN_LAUNCHER_ENV.items()]
NO_FINETUNING = ["finetune=none", "trainer.steps=2", "trainer.validate_every=2"]


def run(folder: Path, *words: str, further: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    places = {"WANDB_DATA_DIR": str(folder / "wandb-data"), "WANDB_CACHE_DIR": str(folder / "wandb-cache")}
    of_kind = environment_of_sweeps() if "--multirun" in words else environment()
    variables = of_kind | IN_ENVIRONMENT | places | (further or {})
    return run_warm(variables, "pipeline", *warm(folder, *words))


def holders(folder: Path, only_readable_by_others: bool = False) -> list[str]:
    """Files with one of the secrets in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [
        str(path)
        for path in files
        if PLANTED.search(path.read_bytes())
        and not (only_readable_by_others and stat.S_IMODE(path.stat().st_mode) == 0o600)
    ]


def test_no_file_of_a_whole_run_holds_a_secret(tmp_path: Path) -> None:
    tracking = ["tracking=wandb", "tracking.mode=offline"]
    result = run(tmp_path, "stage=report", *ENV_WORDS, *tracking, *NO_FINETUNING)
    assert result.returncode == 0, result.stdout + result.stderr
    assert list(tmp_path.glob("runs/demo/wandb/offline-run-*/*.wandb"))
    assert "launcher.env.HF_TOKEN=…" in (tmp_path / "runs/demo/report/report.html").read_text()
    assert "PLAIN_SETTING: …" in (tmp_path / "runs/demo/config.yaml").read_text()
    assert holders(tmp_path) == []
    assert "planted" not in result.stdout + result.stderr


def test_no_file_of_a_sweep_holds_a_secret(tmp_path: Path) -> None:
    words = ["stage=tokenizer", "sweep.objective=tokenizer.bytes_per_token", "sweep.name=sizes"]
    result = run(tmp_path, *words, *ENV_WORDS, "tokenizer.vocab_size=300,320", "--multirun")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "runs/sweeps/sizes/jobs.jsonl").is_file()
    assert holders(tmp_path) == []
    assert "planted" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "word",
    [
        "corpus.packages=[hf_abcdefghijklmnopqrstuvwxyz012345]",
        "tracking.tags=['https://me:planted-1@host/']",
        "tracking.project=planted-6-of-the-shell",
        "evaluate.perplexity.files=['https://host/x?sig=planted-2']",
    ],
)
def test_settings_that_would_be_kept_may_hold_none(tmp_path: Path, word: str) -> None:
    result = run(tmp_path, "stage=download", "tracking=wandb", "tracking.mode=offline", word)
    assert result.returncode == 2
    key = word.partition("=")[0]
    assert f"  - {key}" in result.stderr
    assert "would be kept in manifests" in result.stderr
    assert "planted" not in result.stderr
    assert "hf_abc" not in result.stderr
    assert not list(tmp_path.iterdir())


# What is needed of SLURM, which few machines have: it takes a script, and starts a program.
SBATCH = f"""#!{sys.executable}
import sys, pathlib
pathlib.Path(sys.argv[0]).with_name("taken").write_text(pathlib.Path(sys.argv[-1]).read_text())
pathlib.Path(sys.argv[0]).with_name("mode").write_text(oct(pathlib.Path(sys.argv[-1]).stat().st_mode)[-3:])
print(7)
"""
SRUN = f"""#!{sys.executable}
import os, sys
words = [word for word in sys.argv[1:] if not word.startswith("--")]
os.execvp(sys.executable, [sys.executable, *words[1:]])
"""


def test_scripts_of_slurm_are_private_and_what_stays_of_them_holds_no_secret(tmp_path: Path) -> None:
    tools = tmp_path / "slurm"
    tools.mkdir()
    for name, text in {"sbatch": SBATCH, "squeue": "#!/bin/sh\n", "srun": SRUN}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    tooled = {"PATH": f"{tools}:{os.environ['PATH']}"}
    words = ["stage=download", "launcher=slurm", "launcher.wait=false", *ENV_WORDS, *IN_SLURM]
    folder = tmp_path / "made"
    result = run(folder, *words, further=tooled)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "planted-7-setup" in (tools / "taken").read_text()
    assert (tools / "mode").read_text() == "600"
    (settings,) = folder.glob("runs/demo/slurm/download-*.yaml")
    assert holders(folder, only_readable_by_others=True) == []
    assert holders(folder) == [str(settings)]
    job = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "1", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
           "SLURM_NODEID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_NUM_NODES": "1"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.launch.slurm.job", str(settings)],
        cwd=ROOT, env=os.environ | tooled | job, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "runs/demo/download/manifest.json").is_file()
    assert holders(folder) == []
