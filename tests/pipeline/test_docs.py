"""The documents say what is so: the generated one is up to date; targets, files and links exist."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from data_prep.dedup.verdicts import REASONS
from data_prep.filters import options as filter_options
from pipeline.__main__ import CONF, options, store_defaults
from pipeline.config.choices import Choice, kinds
from pipeline.config.document import document
from pipeline.config.evaluation import METRICS
from pipeline.config.modules import ModuleIn
from pipeline.config.overrides import hydra_overrides
from pipeline.config.parsing import parse_config
from pipeline.config.training import CALLBACKS
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.stages import STAGES
from pipeline.store.artifacts import write_json

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "data_prep", "train", "eval", "inference", "tests", "conf", "docs")
READMES = sorted(path for package in PACKAGES[:5] for path in (ROOT / package).rglob("README.md"))
DOCUMENTS = [*sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]), *READMES]
LAB = ROOT / "tests/extension/my_lab"


def shown_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_configuration_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert committed == document(), "python -m pipeline.config.document > docs/configuration.md"


def shown(path: Path) -> str:
    return re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def make_commands(targets: str, *paths: Path) -> list[str]:
    """Commands with one of these targets, of all documents or of some."""
    documents = paths or DOCUMENTS
    blocks = [block for path in documents for block in re.findall(r"```sh\n(.*?)```", shown(path), re.DOTALL)]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if re.search(rf"\bmake ({targets})\b", line)]


def say_only(command: str) -> subprocess.CompletedProcess[str]:
    """What make would run for a command, or objects to."""
    words = shlex.split(command, comments=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "-n", *words[words.index("make") + 1 :]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_commands_give_targets_the_variables_that_they_read() -> None:
    objected = {command: say_only(command).stderr for command in make_commands("[a-z-]+")}
    assert {command: told for command, told in objected.items() if told} == {}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """What stands for the weights that a command names."""
    folder = tmp_path_factory.mktemp("weights")
    save_tokenizer(tokenizer, folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    write_json(folder / "config.json", {"model_type": "llama", "vocab_size": 261, **sizes})
    return folder


@pytest.mark.parametrize("command", make_commands("all|config|pretrain"))
def test_commands_compose(command: str, weights: Path) -> None:
    """As make would run them."""
    run = shlex.split(say_only(command).stdout.splitlines()[-1])
    overrides = [
        word for word in run[run.index("pipeline") + 1 :] if not word.startswith("-") and "=" in word
    ]
    store_defaults()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", overrides=hydra_overrides(overrides, options))
    if composed.finetune.get("init") is not None:
        composed.finetune.init = str(weights)
    if composed.pretrain.init is not None:
        composed.pretrain.init, composed.pretrain.step = str(weights), None  # the runs are not here
        composed.pretrain.with_state = False
    if composed.pretrain.get("distill") is not None:
        composed.pretrain.distill.teacher = str(weights)
    parse_config(OmegaConf.to_container(composed, resolve=True))


def run_and_settings(command: str) -> tuple[str, frozenset[str]]:
    """Name of the run of a command, and what makes its artifacts."""
    words = shlex.split(command, comments=True)
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    settings = shlex.split(variables.get("ARGS", ""))
    values = dict(word.split("=", 1) for word in settings if "=" in word)
    experiment = variables.get("EXP", "demo")
    name = values.get("run.name") or (f"debug_{values['debug']}" if "debug" in values else experiment)
    passing = ("run.", "launcher.", "strategy")
    return name, frozenset([experiment, *(word for word in settings if not word.startswith(passing))])


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown_name)
def test_commands_of_a_page_make_runs_that_keep_apart(path: Path) -> None:
    """Who follows a page from its top to its end finds all that was made in runs of their own."""
    found: dict[str, set[frozenset[str]]] = {}
    for command in make_commands("|".join(["all", "clean-corpus", *STAGES]), path):
        name, settings = run_and_settings(command)
        found.setdefault(name, set()).add(settings)
    assert {name: made for name, made in found.items() if len(made) > 1} == {}


def test_the_chinese_readme_has_the_same_commands_and_output() -> None:
    def code(name: str) -> list[str]:
        blocks = re.findall(r"```\w+\n.*?```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
        return [re.sub(r" *(?m:# .*$)", "", block) for block in blocks]

    assert len(code("README.md")) > 5
    assert code("README.zh-CN.md") == code("README.md")


def test_every_drop_reason_is_told() -> None:
    told = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "data.md").read_text(encoding="utf-8")))
    assert sorted({*filter_options(), *filter(None, REASONS)} - told) == []
    assert (
        sorted(
            {option.rpartition(".")[2] for option in filter_options().values() if "_gram" not in option}
            - told
        )
        == []
    )


def examples(path: Path) -> list[tuple[str, str]]:
    """(file, code) of each block of a document whose first line names a file of the package that tests bring along."""
    blocks = re.findall(r"^ *```python\n *# (my_lab/\S+)\n(.*?)^ *```", shown(path), re.DOTALL | re.MULTILINE)
    return [(name, dedent(code).strip()) for name, code in blocks]


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown_name)
def test_examples_are_from_the_package_that_is_run_by_a_test(path: Path) -> None:
    for name, code in examples(path):
        assert code in (LAB.parent / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("kind", [*kinds(), METRICS, CALLBACKS], ids=str)
def test_each_seam_has_a_readme_with_an_example(kind: type[Choice] | ModuleIn) -> None:
    """In the folder of the modules that do the work, or the one above; a schedule's work is done by its section."""
    if isinstance(kind, ModuleIn):
        packages = {kind.package}
    else:
        modules = [
            section.implementation
            for section in kind.choices().values()
            if hasattr(section, "implementation")
        ]
        packages = {module.rpartition(".")[0] for module in modules} or {"pipeline.config"}
    places = {ROOT / package.replace(".", "/") for package in packages}
    readmes = {
        next((p for p in (q / "README.md", q.parent / "README.md") if p.is_file()), None) for q in places
    }
    assert None not in readmes, places
    text = "".join(readme.read_text(encoding="utf-8") for readme in readmes)
    assert "my_lab" in text or "docs/plugins.md" in text


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown_name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", shown(path))
    local = [target for target in targets if not target.startswith("http")]
    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown_name)
def test_make_targets_exist(path: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = " ".join(re.findall(r"```.*?```|`[^`\n]+`", shown(path), re.DOTALL))
    code = re.sub(
        r"Sample of the .* model\n.*?\nReport:", "", code, flags=re.DOTALL
    )  # of words that a model wrote
    assert set(re.findall(r"(?:^|[\s`])make ([a-z-]+)", code)) <= known


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown_name)
def test_files_that_are_named_exist(path: Path) -> None:
    words = re.findall(r"`([\w./-]+)`", shown(path))
    named = [w for w in words if w.split("/")[0] in PACKAGES and w.endswith((".py", ".yaml", ".md", "/"))]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_messages_that_are_explained_are_written_somewhere() -> None:
    files = [path for package in PACKAGES[:5] for path in (ROOT / package).rglob("*.py")]
    written = "\n".join(path.read_text(encoding="utf-8") for path in files)
    written = re.sub(r'"\s*\n\s*f?"', "", written)  # messages over several lines
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE)
    assert len(headings) > 10
    english = os.environ | {"LC_ALL": "C"}
    spaced = subprocess.run(["make", "ARGS", "=", "x"], cwd=ROOT, env=english, capture_output=True, text=True)
    written += spaced.stderr.replace("  ", " ")  # make itself speaks, before it reads the Makefile
    assert [heading for heading in headings if heading not in written] == []
