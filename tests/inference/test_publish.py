"""`make publish` against a small server of the hub's protocol."""

from pathlib import Path

import pytest

from tests.inference.upload_server import hub, publish


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A run's export, in small."""
    folder = tmp_path / "runs" / "demo" / "export" / "model"
    (folder / "gguf").mkdir(parents=True)
    for name in ("config.json", "README.md", "gguf/model-f16.gguf"):
        (folder / name).write_text(f"of {name}")
    return folder


def test_nothing_is_sent_until_it_is_said(export: Path, tmp_path: Path) -> None:
    with hub() as (endpoint, files, asked):
        by_place = publish(tmp_path, endpoint, "me/demo", f"model={export}")
        ended = publish(tmp_path, endpoint, "me/demo", "model=demo")
        assert by_place.stdout.splitlines()[:3] == ended.stdout.splitlines()[:3]
        assert ended.returncode == 0, ended.stderr
        assert "gguf/model-f16.gguf" in ended.stdout
        assert "would send 3 files" in ended.stdout
        assert 'to do so: make publish REPO=me/demo ARGS="model=demo send=true"' in ended.stdout
        assert "MB" not in ended.stdout, "of a few bytes"
        assert not asked
        ended = publish(tmp_path, endpoint, "me/demo", "model=demo", "send=true")
        assert ended.returncode == 0, ended.stderr
        assert "sent 3 files" in ended.stdout
        assert files == {
            name: f"of {name}".encode() for name in ("config.json", "README.md", "gguf/model-f16.gguf")
        }


def test_what_the_hub_refuses_is_told_with_what_to_do(export: Path, tmp_path: Path) -> None:
    with hub(allows=False) as (endpoint, files, _):
        ended = publish(tmp_path, endpoint, "me/demo", "model=demo", "send=true")
    assert ended.returncode == 2
    assert "hf auth login" in ended.stderr
    assert not files


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["demo", "model=demo"], "name it OWNER/NAME"),
        (["me／demo"], "is no repository of the hub; there is a full-width ／ here; type the ASCII /"),
        (["me/demo", "model=other"], "other"),
        (["me/demo", "modle=demo"], "did you mean model?"),
        (["me/demo", "model=demo", "send=true"], "the hub cannot be reached: this machine has no network"),
    ],
)
def test_mistakes_are_told(export: Path, tmp_path: Path, words: list[str], says: str) -> None:
    ended = publish(tmp_path, "http://127.0.0.1:9", *words)
    assert ended.returncode == 2
    assert says in ended.stderr
