"""Which version of the project made something, and where others get it."""

import subprocess
from pathlib import Path

import pytest

from pipeline.checkout import git_remote, how_to_get


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://example.org/lab/lm.git", "https://example.org/lab/lm.git"),
        ("https://me:secret@example.org/lab/lm", "https://example.org/lab/lm"),
        ("git@example.org:lab/lm.git", "git@example.org:lab/lm.git"),
        ("/home/me/lm", None),
        (None, None),
    ],
)
def test_a_remote_is_told_where_others_reach_it_and_without_credentials(
    address: str | None, told: str | None, tmp_path: Path
) -> None:
    (tmp_path / "pipeline").mkdir()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    if address:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", address], check=True)
    assert git_remote(tmp_path) == told


def test_the_command_that_gets_a_version() -> None:
    assert how_to_get("abc", "git@example.org:lm.git") == (
        "git clone git@example.org:lm.git && cd lm && git checkout abc"
    )
    assert how_to_get("abc", None) == how_to_get(None, "git@example.org:lm.git") == ""
