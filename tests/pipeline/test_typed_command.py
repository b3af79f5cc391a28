"""A run's settings as the command to type: make understands it, and gives the program the same words."""

import shlex
import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from pipeline import ROOT, typed_command
from pipeline.__main__ import options, store_defaults
from pipeline.config.overrides import hydra_overrides
from pipeline.redaction import shown_overrides
from pipeline.typed_command import PROGRAM, settings_in, to_type

QUOTED = [
    "corpus.paths=[a b.txt]",
    'corpus.paths=["a, b.txt",c]',
    """trainer.sample_prompts=["It's"]""",
    """trainer.sample_prompts=['say "hi"']""",
    "trainer.sample_prompts=[人工智能]",
    r'trainer.sample_prompts=["a \"b\" \\"]',
    'trainer.sample_prompts=["#1 (50%) $HOME `id` & ~!"]',
    'clean.canaries.format="My code is {digits:6}."',
    "finetune.data.train={a b.jsonl:2,q.csv:0.5}",
]
"""Settings as a shell hands them to the program."""
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
        (["experiment=own", "a=[b c]"], "make all EXP=own ARGS=\"'a=[b c]'\""),
        (["experiment=own", 'a=["人"]'], 'make all EXP=own ARGS="\'a=[\\"人\\"]\'"'),
        (["experiment=own", "a=It's"], 'make all EXP=own ARGS="\\"a=It\'s\\""'),
    ],
)
def test_what_is_typed_in_a_checkout(words: list[str], command: str) -> None:
    assert to_type(words) == command


def test_paths_below_the_checkout_are_typed_from_there() -> None:
    words = [f"corpus.paths=[{ROOT}/notes,/elsewhere{ROOT}/a,{ROOT}2/b]", f"finetune.init={ROOT}/artifacts/x"]
    settings = f"corpus.paths=[notes,/elsewhere{ROOT}/a,{ROOT}2/b] finetune.init=artifacts/x"
    assert to_type(["experiment=own", *words]) == f'make all EXP=own ARGS="{settings}"'


def handed_on(command: str) -> list[str]:
    """What the program is given when a command is typed: through the user's shell, make, and the shell of make."""
    shown = subprocess.run(
        ["bash", "-c", f"{command} -n"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in shown.stdout.splitlines() if "-m pipeline " in line]
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True
    )
    found = words.stdout.split("\0")[:-1]
    return found[found.index("pipeline") + 1 :]


def test_make_hands_on_every_word_as_it_is() -> None:
    """Whatever a path or prompt has in it."""
    command = to_type(["experiment=own", "stage=shards", *HARD])
    assert handed_on(command)[-len(HARD) :] == HARD


@pytest.mark.parametrize("setting", QUOTED)
def test_a_copied_command_sets_what_was_set(setting: str) -> None:
    """As a report shows it of a run that was started with such a setting, and Hydra reads it."""
    store_defaults()
    [*_, first] = hydra_overrides(["experiment=own", setting], options)
    command = to_type(settings_in(shlex.join([*PROGRAM, *shown_overrides(["experiment=own", first])])))
    [*_, again] = hydra_overrides(handed_on(command), options)
    read = OverridesParser.create().parse_override
    assert read(again).value() == read(first).value()
    assert again == first


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
