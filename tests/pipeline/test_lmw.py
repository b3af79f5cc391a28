"""The command `lmw`, as it answers somebody who has just installed it."""

import subprocess
import sys
from pathlib import Path

LMW = Path(sys.executable).with_name("lmw")


def lmw(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LMW, *words], cwd=folder, capture_output=True, text=True)


def test_a_stage_without_an_experiment_says_which_one_it_takes(tmp_path: Path) -> None:
    told = "no experiment is named, so demo is taken, with its own corpus; for your text: experiment=own"
    silent = lmw(tmp_path, "train", "experiment=own", "corpus.paths=[notes]", "show_config=true")
    assert (silent.returncode, silent.stderr) == (0, "")
    spoken = lmw(tmp_path, "train", "show_config=true")
    assert spoken.returncode == 0
    assert spoken.stderr.startswith(told)
    assert "stage: pretrain" in spoken.stdout


def test_a_command_that_there_is_not_names_the_nearest(tmp_path: Path) -> None:
    assert "no such command; did you mean train?" in lmw(tmp_path, "trian").stderr
    assert "no such command; `lmw help` lists them" in lmw(tmp_path, "quickly").stderr
