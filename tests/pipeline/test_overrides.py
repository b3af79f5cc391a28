"""What is wrong on a command line, or in a configuration's references, is told in our words, all of it at once."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from pipeline.__main__ import CONF, options, store_defaults
from pipeline.config.composition import resolved
from pipeline.config.help import usage
from pipeline.config.overrides import hydra_overrides
from pipeline.config.word_bounds import misread_words
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
        (
            "corpus.paths=[../notes],",
            "corpus.paths=[../notes],: settings are separated by spaces, without commas between them",
        ),
        ("corpus.paths=[a],trainer.steps=5", "settings are separated by spaces"),
        (
            "corpus=files，corpus.paths=[“文本”]，seed=3",
            "settings are separated by spaces, without commas between them: corpus=files corpus.paths=[文本] seed=3",
        ),
        ("corpus＝files；seed＝3", "by spaces, without semicolons between them: corpus=files seed=3"),
        (
            "corpus=files　seed=3",
            "by plain spaces, without full-width spaces between them: corpus=files seed=3",
        ),
        ("corpus=files，", "settings are separated by spaces, without commas between them: corpus=files"),
        ("，", "，: settings are separated by spaces"),
        ("optim.lr　=1", "there is a full-width space here; type a plain space"),
        ("run.nａme=x", "run.nａme=x: there is a full-width ａ here; type the ASCII a"),
        ("corpus＝files", "corpus＝files: there is a full-width ＝ here; type the ASCII ="),
        (
            "evaluate.prompts=[“你好，】",
            ": there are full-width ， 】 here; type the ASCII , ]; there is a curly “ here; leave it out",
        ),
        ("corpus.paths=[a,", "brackets and quotes must be closed"),
        ("corpus.paths=[a,seed=3", "brackets and quotes must be closed"),
        ("run.name='x,", "brackets and quotes must be closed"),
        ("evaluate.prompts=['你好，'", "brackets and quotes must be closed"),
        ("=1", "=1: no key stands before the ="),
        ("a..b=1", "'a..b' is no key"),
        (
            "corpus.paths=[a(1).txt]",
            """within those of the shell: 'corpus.paths=["…"]' (\\" within ARGS="…")""",
        ),
    ],
)
def test_what_is_no_override_is_told(word: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        hydra_overrides(["experiment=demo", word, "clean=wob"], options)
    assert told in str(error.value)
    assert "clean=wob: there is no such option; did you mean web?" in str(error.value)


def test_a_value_that_the_shell_cut_at_a_space_is_told_with_its_quotes() -> None:
    with pytest.raises(
        UserError, match=r"if run\.name=my run is one setting, .* belong around it: 'run\.name=my run'"
    ):
        hydra_overrides(["experiment=demo", "run.name=my", "run"], options)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            "corpus=files，corpus.paths=[我的 笔记]",
            "settings are separated by spaces, without commas between them; one with a space in it stands as a whole "
            "in single quotes, also within the quotes of ARGS=: corpus=files 'corpus.paths=[我的 笔记]'",
        ),
        ("corpus=files,corpus.paths=[我的 笔记]", ": corpus=files 'corpus.paths=[我的 笔记]'"),
        ("corpus.paths=[我的 笔记]，seed=3", ": 'corpus.paths=[我的 笔记]' seed=3"),
        ("corpus.paths=[“我的 笔记”]", "the quotes of ARGS=: 'corpus.paths=[我的 笔记]'"),
        ("corpus.paths=[my notes,a(b).txt]", """: 'corpus.paths=[my notes,"a(b).txt"]'"""),
        ("corpus.paths=[a(b).txt]，seed=3", """: 'corpus.paths=["a(b).txt"]' seed=3"""),
        ("evaluate.prompts=[[a],{b:c}]，seed=3", ": evaluate.prompts=[[a],{b:c}] seed=3"),
        ("corpus.paths=[我的 笔记]，", "the quotes of ARGS=: 'corpus.paths=[我的 笔记]'"),
        ("corpus.paths = [文本]", "no spaces stand around the = of a setting: corpus.paths=[文本]"),
        ("corpus.paths =[文本]", "no spaces stand around the = of a setting: corpus.paths=[文本]"),
        ("corpus.paths= [文本]", "no spaces stand around the = of a setting: corpus.paths=[文本]"),
        ("corpus.paths ＝ [我的 笔记]", "within the quotes of ARGS=: 'corpus.paths=[我的 笔记]'"),
    ],
)
def test_settings_that_a_space_cuts_and_none_separates_are_told_once_as_they_are_typed(
    typed: str, told: str
) -> None:
    with pytest.raises(UserError) as error:
        hydra_overrides(["experiment=demo", *typed.split(" "), "optim=adamw"], options)
    lines = str(error.value).splitlines()
    assert len(lines) == 2, lines
    assert lines[1].startswith(f"  - {typed}: ")
    assert lines[1].endswith(told)


@pytest.mark.parametrize(
    "word",
    [
        "seed=range(start=1,stop=4)",
        "evaluate.prompts=[你好，a=b]",
        "launcher.env={a:'b，c=d'}",
        "evaluate.prompts=[[a，b=1],[c]]",
    ],
)
def test_commas_within_brackets_and_quotes_separate_no_settings(word: str) -> None:
    assert not list(misread_words([word]))


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (
            "trainer.sample_prompts=[我们，你好]",
            "a full-width comma is read as part of a text; if that is not meant, "
            "type trainer.sample_prompts=[我们,你好]",
        ),
        (
            "evaluate.prompts=[我们，他说，在中国]",
            "full-width commas are read as part of a text; if that is not meant, "
            "type evaluate.prompts=[我们,他说,在中国]",
        ),
        (
            "evaluate.prompts=[“人工智能”，“我们 a”]",
            "a full-width comma and curly quotes are read as part of a text; if that is not meant, "
            "type 'evaluate.prompts=[人工智能,我们 a]'",
        ),
        (
            "evaluate.prompts=[“人工智能”,我们，你]",
            "=[“人工智能”,我们，你]: curly quotes are read as part of a text; if that is not meant, "
            "type evaluate.prompts=[人工智能,我们，你]",
        ),
        ("evaluate.prompts=[“你好，世界”]", "type evaluate.prompts=[你好，世界]"),
        ("evaluate.prompts=[你好，]", ""),
        ("evaluate.prompts=[你好，我,说]", ""),
        ("evaluate.prompts=['你好，我']", ""),
    ],
)
def test_a_list_whose_comma_or_quotes_are_read_as_text_is_told(word: str, told: str) -> None:
    done = run_cli("experiment=demo", "show_config=true", word)
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith(word)]
    assert len(warned) == bool(told)
    assert all(line.endswith(told) for line in warned)


@pytest.mark.parametrize("value", ["已知x=1，y=2", "https://a.org/?a=1;b=2", "你好，", "a;"])
def test_a_text_may_have_what_joins_settings_elsewhere(value: str) -> None:
    assert hydra_overrides([f"run.note={value}"], options) == [f'++run.note="{value}"']


@pytest.mark.parametrize("word", ["trainer.steps=5，", "trainer.steps=5；", "optim.lr=1，y=2"])
def test_where_no_text_can_be_read_marks_are_told(word: str) -> None:
    done = run_cli("experiment=demo", word)
    assert done.returncode == 2
    assert f"{word}: settings are separated by spaces, without" in done.stderr


def test_letters_of_every_language_need_no_quotes() -> None:
    assert hydra_overrides(["corpus.paths=/home/müller/корпус.txt"], options) == [
        '++corpus.paths="/home/müller/корпус.txt"'
    ]
    prompts = ["evaluate.prompts=[人工智能, The,müller]", 'evaluate.prompts=["人工", 3]']
    assert hydra_overrides(prompts, options) == [
        '++evaluate.prompts=["人工智能",The,"müller"]',
        '++evaluate.prompts=["人工", 3]',
    ]
    assert hydra_overrides(["corpus.paths=[~/wen,a b]", "run.runs=~/r"], options) == [
        '++corpus.paths=["~/wen",a b]',
        '++run.runs="~/r"',
    ]
    assert hydra_overrides(["-m", "stage=clean", "optim=adamw", "trainer.steps=1,2"], options) == [
        "-m",
        "stage=clean",
        "optim=adamw",
        "++trainer.steps=1,2",
    ]


@pytest.mark.parametrize(
    "path", ["/tmp/my notes", "/文/百科/01 Warsaw.txt,b", "a b c", "Sky (UK).txt", "my notes,a(b).txt"]
)
def test_a_path_with_a_space_is_kept_together_by_the_quotes_that_the_message_shows(path: str) -> None:
    whole = f"corpus.paths=[{path}]"
    with pytest.raises(UserError) as error:
        hydra_overrides(["corpus=files", *whole.split(" "), "optim=adamw"], options)
    hint = str(error.value).splitlines()[-1]
    assert len(str(error.value).splitlines()) == 2
    assert hint.startswith(f"  - {whole}: the shell ends a word at a space")
    typed = shlex.split(hint.rpartition(": ")[2])
    forced = OverridesParser.create().parse_override(hydra_overrides(typed, options)[0])
    assert forced.value() == path.split(",")


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


def test_help_tells_sections_and_with_their_names_keys_and_options_a_line_each() -> None:
    overview = usage(width=80)
    for told in ("experiment=NAME", "  optim ", "adamw*, muon", "  trainer ", "--help NAME"):
        assert told in overview
    assert max(map(len, overview.splitlines())) <= 80
    details = usage(["optim", "seed"], width=100).splitlines()
    assert any(line.startswith("  optim.muon_lr=null") and "Muon's matrices" in line for line in details)
    assert any(line.startswith("  optim=muon") for line in details)
    told = " ".join(" ".join(details).split())
    assert "null turns clipping off. optim.eps" in told, "nothing is cut, and what is typed is called so"
    assert details.index(" with optim=muon:") < details.index(
        next(line for line in details if line.startswith("  optim.momentum"))
    )
    assert any(line.startswith("  seed=1337") for line in details)
    with pytest.raises(
        UserError, match="--help trainr: there is no such section or group; did you mean trainer"
    ):
        usage(["trainr"])


def test_the_shown_configuration_says_what_set_each_value_that_is_not_its_default() -> None:
    shown = run_warm(os.environ, "pipeline", "show_config=true", "trainer.steps=7", "schedule=wsd").stdout

    def told(start: str) -> str:
        """What stands behind the first line that begins so."""
        line = next(line for line in shown.splitlines() if line.startswith(start))
        return line.removeprefix(start).strip()

    assert told("  steps: 7") == "# command line"
    assert told("  name: wsd") == "# command line"
    assert told("  name: muon") == "# conf/experiment/demo.yaml"
    assert told("  lr: 0.008") == "# conf/experiment/demo.yaml; the default is 0.001"
    assert told("  accelerator: cpu") == "# conf/trainer/cpu.yaml; the default is auto"
    assert told("  warmup: 0.05") == "# conf/experiment/demo.yaml; the default is 0.02"
    assert told("  eps: 1.0e-08") == ""
    assert yaml.safe_load(shown)["optim"]["muon_lr"] == 0.02
    refused = run_warm(os.environ, "pipeline", "show_config=true", "optim.lrr=3")
    assert refused.returncode == 2
    assert "optim.lrr" in refused.stderr
