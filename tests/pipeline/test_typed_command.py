"""A run's settings as the command to type: make understands it, and gives the program the same words."""

import shlex
import subprocess

import pytest

from pipeline import ROOT, typed_command
from pipeline.typed_command import settings_in, to_type

HARD = [
    "corpus.paths=[my notes]",
    "a.b=[x,y]",
    "run.name=t",
    'x="it\'s" $HOME #1 `id` \\n!',
    "y=人工智能",
]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["stage=report", "experiment=demo"], "make all EXP=demo"),
        ([], "make all EXP=demo"),
        (["stage=clean", "experiment=own", "a.b=[x]"], 'make clean-corpus EXP=own ARGS="a.b=[x]"'),
        (["experiment=own", "dryrun=true", "stage=shards"], "make dryrun EXP=own STAGE=shards"),
    ],
)
def test_what_is_typed_in_a_checkout(words: list[str], command: str) -> None:
    assert to_type(words) == command


def test_make_hands_on_every_word_as_it_is() -> None:
    """Whatever a path or prompt has in it, through the user's shell, make, and the shell of make."""
    command = to_type(["experiment=own", "stage=shards", *HARD])
    shown = subprocess.run(
        ["bash", "-c", f"{command} -n"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in shown.stdout.splitlines() if "-m pipeline " in line]
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True
    )
    assert words.stdout.split("\0")[-len(HARD) - 1 : -1] == HARD


def test_a_stage_of_a_plugin_and_hydras_options_go_to_the_program() -> None:
    for words in (["stage=longest", "plugins=[my_lab]"], ["experiment=own", "a=1,2", "--multirun"]):
        program, *rest = shlex.split(to_type(words))
        assert program.endswith("python")
        assert rest == ["-m", "pipeline", *words]


def test_an_installed_package_is_called_by_its_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(typed_command, "ROOT", tmp_path)
    assert to_type(["experiment=own", "stage=report", "a=[b c]"]) == "lmw all experiment=own 'a=[b c]'"


def test_kept_commands_are_read_even_where_a_quote_is_open() -> None:
    assert settings_in("python -m pipeline experiment=own 'a=[b c]'") == ["experiment=own", "a=[b c]"]
    assert settings_in("python -m pipeline a='b") == ["a='b"]
    assert settings_in("") == []
