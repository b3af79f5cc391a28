"""What builds the project elsewhere: the image, the development container, the workflow of GitHub."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.command_line import ROOT


def test_the_dockerfile_has_no_findings() -> None:
    hadolint = shutil.which("hadolint") or str(ROOT / ".venv/bin/hadolint")
    if not Path(hadolint).exists():
        pytest.skip("hadolint is not installed (extra: dev)")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_what_is_made_here_stays_out_of_the_image() -> None:
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    left_out = {line.removeprefix("**/") for line in (ROOT / ".dockerignore").read_text().splitlines()[1:]}
    assert {name for name in ignored if "*" not in name} <= left_out


def test_the_image_runs(tmp_path: Path) -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("there is no Docker that runs")
    subprocess.run(["docker", "build", "--quiet", "--tag", "lm-workflow:test", "."], cwd=ROOT, check=True)
    helped = subprocess.run(["docker", "run", "--rm", "lm-workflow:test"], capture_output=True, text=True)
    assert "make TARGET" in helped.stdout


def test_the_workflow_does_what_ci_does() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    of_ours = [line.split(" #")[0].strip() for line in (ROOT / ".ci/run").read_text().splitlines()]
    assert [line for line in of_ours if line.startswith("make ")] == [
        step for step in steps if step and step != "make site"
    ]
    assert workflow["permissions"] == {"contents": "read"}


def test_the_development_container_is_described() -> None:
    described = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert described["postCreateCommand"] == "make dev"
