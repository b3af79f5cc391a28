"""What is wrong on a command line, or in a configuration's references, is told in our words, all of it at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from pipeline.__main__ import CONF, options, store_defaults
from pipeline.config.composition import resolved
from pipeline.config.overrides import hydra_overrides
from pipeline.errors import UserError
from tests.warm.process import run_warm


def run_cli(*words: str) -> subprocess.CompletedProcess:
    return run_warm(os.environ, "pipeline", "dryrun=true", *words)


@pytest.fixture(autouse=True)
def _stored() -> None:
    store_defaults()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("optim=7", "optim=7: this is no option of optim; choose one of adamw, muon"),
        ("schedule=true", "schedule=true: this is no option"),
        ("clean=-inf", "clean=-inf: this is no option"),
        ("optim=null", "optim=null: this is no option"),
        ("optim=adm", "did you mean adamw?"),
        ("optim=adamw,muom", "optim=muom: there is no such option; did you mean muon?"),
        ("++optim=adamw", "write optim=option, without ++"),
        ("optim.lr=[1", "brackets and quotes must be closed"),
        ("run.name='x", "brackets and quotes must be closed"),
        ("foo", "foo: a setting is written key=value"),
        ("=1", "=1: no key stands before the ="),
        ("a..b=1", "'a..b' is no key"),
    ],
)
def test_what_is_no_override_is_told(word: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        hydra_overrides(["experiment=demo", word, "clean=wob"], options)
    assert told in str(error.value)
    assert "clean=wob: there is no such option; did you mean web?" in str(error.value)


def test_letters_of_every_language_need_no_quotes() -> None:
    assert hydra_overrides(["corpus.paths=/home/müller/корпус.txt"], options) == [
        '++corpus.paths="/home/müller/корпус.txt"'
    ]
    prompts = ["evaluate.prompts=[人工智能, The,müller]", 'evaluate.prompts=["人工", 3]']
    assert hydra_overrides(prompts, options) == [
        '++evaluate.prompts=["人工智能",The,"müller"]',
        '++evaluate.prompts=["人工", 3]',
    ]
    assert hydra_overrides(["-m", "stage=clean", "optim=adamw", "trainer.steps=1,2"], options) == [
        "-m",
        "stage=clean",
        "optim=adamw",
        "++trainer.steps=1,2",
    ]


def test_references_that_lead_nowhere_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOPE", raising=False)
    config = OmegaConf.create(
        {
            "trainer": {"steps": "${trainer.stps}", "seed": 1},
            "corpus": {"paths": ["${oc.env:NOPE}"]},
            "a": "${a}",
        }
    )
    with pytest.raises(UserError) as error:
        resolved(config)
    text = str(error.value)
    assert "3 values" in text
    assert "trainer.steps=${trainer.stps} (there is no key trainer.stps; did you mean trainer.steps?)" in text
    assert "corpus.paths.0=${oc.env:NOPE} (the environment variable NOPE is not set" in text
    assert "a=${a} (it refers to itself)" in text


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("seed=${nope}", "seed=${nope} (there is no key nope)"),
        ("seed='${'", "the configuration cannot be composed"),
        ("~foo.bar", "'foo.bar' does not exist"),
        ("hydra.foo=1", "Key 'foo' not in 'HydraConf'"),
        ("seed=1,2", "add --multirun"),
        ("experimant=demo", "did you mean experiment?"),
        ("seed.x=1", "seed={'x': 1}"),
    ],
)
def test_no_traceback_of_hydra_reaches_the_user(word: str, told: str) -> None:
    result = run_cli(word)
    assert result.returncode == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert "++" not in result.stderr


def test_a_name_longer_than_a_folder_may_have_is_refused() -> None:
    result = run_cli(f"run.name={'a' * 300}")
    assert result.returncode == 2
    assert "at most 128 characters" in result.stderr


def test_a_locale_without_utf8_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "müller.txt").write_text("Der Fluß.", encoding="utf-8")
    ascii_only = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = [
        "dryrun=true",
        "experiment=own",
        "stage=download",
        "corpus=files",
        f'corpus.paths=["{tmp_path}/müller.txt"]',
    ]
    command = [sys.executable, "-m", "pipeline", *words, "tracking=none"]
    result = subprocess.run(command, capture_output=True, cwd=CONF.parent, env=os.environ | ascii_only)
    assert result.returncode == 0, result.stderr.decode()
