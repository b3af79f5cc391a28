"""The documentation's site builds, with no page left out and no link that leads nowhere."""

import os
import subprocess
import sys
from pathlib import Path

from tests.command_line import ROOT


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first = (tmp_path / "index.html").read_text()
    assert 'href="using_the_model/#which-weights-are-exported"' in first
    assert 'src="images/report.png"' in first
    api = (tmp_path / "api/index.html").read_text()
    assert "Per token." in api, "the docstring of Score.perplexity"
