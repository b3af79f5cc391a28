"""The wheel holds all that the program reads, and works from any folder beside others' packages of the same names."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.command_line import ROOT, TINY

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of an environment with the wheel, and with a foreign distribution that has a package `train`."""
    folder = tmp_path_factory.mktemp("installation")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(_copy_of_checkout(folder))], check=True)
    (wheel,) = folder.glob("lm_workflow-*.whl")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*install, str(wheel)], check=True)
    found = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    packages = Path(found.stdout.strip())
    # What the project depends on comes from this environment: installing it anew would take minutes.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (packages / "train").mkdir()
    (packages / "train" / "__init__.py").write_text("raise ImportError('another distribution')\n")
    return environment / "bin"


def _copy_of_checkout(folder: Path) -> Path:
    """What git knows, so that no build folder is left in the checkout."""
    copy = folder / "source"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, names):
        if not name.startswith(("tests/", "docs/")) and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    return copy


def _run(words: list[str], folder: Path) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment, timeout=900)


def test_the_whole_pipeline_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = _run([str(installed / "lmw"), "report", *TINY], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "runs" / "demo" / "report" / "report.html").is_file()
    assert (tmp_path / "runs" / "demo" / "export" / "model" / "README.md").is_file()
    again = _run([str(installed / "python"), "-m", "pipeline", *TINY], tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("reused") == 9


def test_the_command_lists_what_it_can_do(installed: Path, tmp_path: Path) -> None:
    told = _run([str(installed / "lmw"), "help"], tmp_path)
    assert told.returncode == 0
    for name in ("pretrain", "demo", "dryrun", "checkpoints", "show", "sample", "chat", "serve"):
        assert f"\n  {name} " in told.stdout
    unknown = _run([str(installed / "lmw"), "trian"], tmp_path)
    assert unknown.returncode == 1
    assert "no such command" in unknown.stderr
