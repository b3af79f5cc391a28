"""What make says of words that it cannot mean."""

import subprocess

import pytest

from tests.command_line import ROOT


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pretrian"], "make pretrian: there is no such target; make help lists what there is"),
        (["serve", "port=8001"], 'port is no variable here: settings go into ARGS="port=8001"'),
        (
            ["all", "EXP=own", "CORPUS=notes", "STEPS=5"],
            'CORPUS is no variable here: settings go into ARGS="CORPUS=notes"',
        ),
        (
            ["sample", "PROMPT=你好", "世界"],
            "make 世界: there is no such target; make help lists what there is; a prompt with spaces stands in quotes",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_runs(words: list[str], told: str) -> None:
    done = subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_words_with_spaces_and_quotes_arrive_as_they_are() -> None:
    words = ["make", "-n", "demo", "ARGS=corpus.paths='[a b]' trainer.steps=3"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("experiment=demo stage=report corpus.paths='[a b]' trainer.steps=3\n")
