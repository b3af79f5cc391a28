"""What make says of words that it cannot mean."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from tests.command_line import ROOT
from tests.written_checkpoints import write_checkpoint


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """As from a shell, and not as from another make, which may run the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *words], cwd=ROOT, env=environment, capture_output=True, text=True)


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
            ["dryrun", "EXP=own", "ARG=corpus=files corpus.paths=[notes]"],
            'ARG is no variable here; did you mean ARGS="corpus=files corpus.paths=[notes]"?; what the Makefile',
        ),
        (["all", "AGRS=seed=3"], 'AGRS is no variable here; did you mean ARGS="seed=3"?'),
        (["all", "args=seed=3"], 'args is no variable here; did you mean ARGS="seed=3"?'),
        (["chat", "MODELS=demo"], 'MODELS is no variable here; did you mean MODEL="demo"?'),
        (["compare", "RUN=a b"], 'RUN is no variable here; did you mean RUNS="a b"?'),
        (["pretrain", "model=lstm"], 'model is no variable here: settings go into ARGS="model=lstm"'),
        (
            ["sample", "PROMPT=你好", "世界"],
            "make 世界: there is no such target; make help lists what there is; a prompt with spaces stands in quotes",
        ),
        (
            ["evaluate", "MODEL=zhongwen"],
            "make evaluate does not read MODEL: it reads EXP ARGS NPROC GPUS NODES NNODES LAUNCH; repeat the run's own "
            'settings with its name: make evaluate EXP=own ARGS="… run.name=zhongwen"',
        ),
        (["compare", "MODEL=a"], "make compare does not read MODEL: it reads RUNS ARGS."),
        (["chat", "PROMPT=hi"], "make chat does not read PROMPT: it reads MODEL EXP ARGS."),
        (
            ["all", "own"],
            "make own: there is no such target; make help lists what there is; an experiment is named by EXP: make all "
            "EXP=own.",
        ),
        (
            ["evaluate", "MODEL=own/pretrain"],
            'repeat the run\'s own settings with its name: make evaluate EXP=own ARGS="… run.name=own"',
        ),
        (
            ["all", "EXP＝own"],
            "make help lists what there is; there is a full-width ＝ here; type the ASCII =",
        ),
        (
            ["chat　EXP=own"],
            "chat　EXP is no variable here; there is a full-width space here; type the ASCII space;",
        ),
        (
            ["all", "ARGS=“seed=3", "x=4”"],
            'x is no variable here; there is a full-width ” here; type the ASCII ";',
        ),
        (["sample", "PROMPT=“ab", "“c”"], 'there are full-width “ ” here; type the ASCII " "; a prompt with'),
        (["site", "EXP=own"], "make site does not read EXP: it reads no variable."),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_runs(words: list[str], told: str) -> None:
    done = make(*words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_a_folder_that_is_to_be_evaluated_is_told_as_weights_to_measure(tmp_path: Path) -> None:
    """It is no run whose settings could be repeated, and its path no run's name."""
    (tmp_path / "config.json").touch()
    told = (
        f'make evaluate EXP=own ARGS="corpus=files corpus.paths=[TEXT] pretrain.init={tmp_path} trainer.steps=0 '
        'run.name=look"'
    )
    assert told in make("evaluate", f"MODEL={tmp_path}").stderr


def test_where_there_are_no_checkpoints_that_is_no_error(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "pipeline.checkpoints"]
    none, unknown, wide = (
        subprocess.run([*program, *words], cwd=tmp_path, capture_output=True, text=True)
        for words in ([], ["mine"], ["mine／a"])
    )
    assert (none.returncode, none.stdout) == (0, "no checkpoints below artifacts\n")
    assert unknown.returncode == 2
    assert "there is no run 'mine'" in unknown.stderr
    assert "no folder of that name; there is a full-width ／ here; type the ASCII /" in wide.stderr


def test_checkpoints_of_runs_elsewhere_are_listed_by_either_name_of_the_folder(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "store/pretrain/demo-1", 3, nn.Linear(2, 2))
    run = tmp_path / "elsewhere/demo"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("run: {}")
    (run / "pretrain").symlink_to(tmp_path / "store/pretrain/demo-1")
    runs, store = f"run.runs={run.parent}", f"run.artifacts={tmp_path}/store"

    def listed(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "pipeline.checkpoints", *words]
        return subprocess.run(program, cwd=tmp_path, capture_output=True, text=True)

    for words in (
        ["demo", runs],
        ["demo", runs.removeprefix("run.")],
        [runs],
        [store],
        [runs, store],
        ["demo", runs, store],
    ):
        assert "/pretrain" in listed(*words).stdout, words
    assert "did you mean demo?" in listed("demmo", runs).stderr
    assert "one run, and 2 are given: a, b" in listed("a", "b").stderr
    assert "runz is no key; did you mean runs?" in listed("runz=x").stderr


def test_checkpoints_of_an_interrupted_run_are_listed(tmp_path: Path) -> None:
    """They lie in a folder to which the run has no link yet; those of a run whose name begins alike are another's."""
    for name in ("own-0123456789abcdef", "own-small-0123456789abcdef"):
        write_checkpoint(tmp_path / f"artifacts/pretrain/{name}.partial", 3, nn.Linear(2, 2))
    run = tmp_path / "runs/own"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("run: {artifacts: artifacts}")
    program = [sys.executable, "-m", "pipeline.checkpoints"]
    for words in (["own"], ["runs=runs"]):
        done = subprocess.run([*program, *words], cwd=tmp_path, capture_output=True, text=True)
        assert "pretrain/own-0123456789abcdef.partial (in training or stopped)" in done.stdout, done
        assert "own-small" not in done.stdout


def test_words_with_spaces_and_quotes_arrive_as_they_are() -> None:
    done = make("-n", "demo", "ARGS=corpus.paths='[a b]' trainer.steps=3")
    assert done.stdout.endswith("experiment=demo stage=report corpus.paths='[a b]' trainer.steps=3\n")


def test_a_stage_without_an_experiment_says_which_one_it_takes() -> None:
    told = "experiment demo, on its own corpus; on your text: make pretrain EXP=own ARGS="
    assert told in make("-n", "train").stdout
    assert told not in make("-n", "train", "EXP=own").stdout


def test_help_lists_the_other_names_of_stages() -> None:
    listed = make("help").stdout
    assert all(f"\n  {name} " in listed for name in ("train", "eval", "data"))
