"""What a rename makes complete is on disk before the rename: nothing of it is lost in a power cut."""

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from data_prep.dedup.keys import KeyWriter
from pipeline.config.clean import DeduplicateConfig
from pipeline.formats.documents import Document, DocumentFile
from pipeline.formats.shards import ShardWriter
from pipeline.store import durable
from pipeline.store.artifacts import Store, finish, write_json

ROOT = Path(__file__).resolve().parents[2]
EXEMPT = {
    ("pipeline/store/run_links.py", "link_into_run"): "a link, made anew with each run",
    ("pipeline/store/file_hashes.py", "save"): "a memory that is checked when it is read",
    ("pipeline/store/artifacts.py", "_discard"): "what is about to be deleted",
    ("data_prep/sources/http.py", "file"): "a download that is known to be wrong is put aside",
}


class Disk:
    """Notes the system's calls, and lets them happen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.synced: set[Path] = set()
        self.early: list[Path] = []
        """What a rename made complete before it was on disk."""
        self.renames = 0
        fsync, rename, replace = os.fsync, os.rename, os.replace

        def noting_fsync(number: int) -> None:
            fsync(number)
            self.synced.add(Path(os.readlink(f"/proc/self/fd/{number}")))

        def noting(call: Callable) -> Callable:
            def renamed(source: Path, target: Path) -> None:
                self._look(Path(source))
                call(source, target)

            return renamed

        monkeypatch.setattr(os, "fsync", noting_fsync)
        monkeypatch.setattr(os, "rename", noting(rename))
        monkeypatch.setattr(os, "replace", noting(replace))

    def _look(self, source: Path) -> None:
        self.renames += 1
        parts = [source, *source.rglob("*")] if source.is_dir() else [source]
        self.early += [part for part in parts if part.resolve() not in self.synced]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    noted = Disk(monkeypatch)
    yield noted
    assert noted.renames
    assert not noted.early


def test_a_finished_artifact(tmp_path: Path, disk: Disk) -> None:
    partial = Store(tmp_path).partial("clean", "mine", "f" * 16)
    (partial / "documents").mkdir()
    (partial / "documents" / "train-00000.parquet").write_bytes(b"text")
    (partial / "log.txt").write_text("done")
    final = finish(partial, {"metrics": {}})
    assert {final.parent, final.parent / partial.name} <= disk.synced


def test_documents(tmp_path: Path, disk: Disk) -> None:
    with DocumentFile(tmp_path / "train-00000.parquet") as file:
        file.write(Document("1", "Some text."))
    assert (tmp_path / "train-00000.parquet").is_file()


def test_shards(tmp_path: Path, disk: Disk) -> None:
    with ShardWriter(tmp_path, "train-00000", np.dtype("<u2")) as writer:
        writer.write(np.array([1, 2, 3]))
    assert disk.renames == 2


def test_keys_of_deduplication(tmp_path: Path, disk: Disk) -> None:
    with KeyWriter(tmp_path, 0, DeduplicateConfig()) as keys:
        keys.add("1", "Some text.")
    assert list(tmp_path.glob("*/digest.npy"))


def test_small_files(tmp_path: Path, disk: Disk) -> None:
    write_json(tmp_path / "marker.json", {"done": True})


def test_a_folder_in_a_folder(tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "new" / "inner").mkdir(parents=True)
    (tmp_path / "new" / "inner" / "a").write_text("a")
    (tmp_path / "new" / "link").symlink_to("inner/a")
    durable.publish(tmp_path / "new", tmp_path / "there")
    assert (tmp_path / "there" / "link").read_text() == "a"


def test_no_other_code_renames() -> None:
    found = set()
    for package in ("pipeline", "data_prep", "train", "eval"):
        for path in (ROOT / package).rglob("*.py"):
            for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(function, ast.FunctionDef) and any(map(_renames, ast.walk(function))):
                    found.add((str(path.relative_to(ROOT)), function.name))
    of_durable = {(name, function) for name, function in found if name == "pipeline/store/durable.py"}
    assert {function for _, function in of_durable} == {"replace", "publish_synced"}
    assert found - of_durable == set(EXEMPT)


def _renames(node: ast.AST) -> bool:
    """A call of `path.rename(…)` or, with one argument, `path.replace(…)`, which of texts has two."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    name, arguments = node.func.attr, len(node.args)
    return name == "rename" or (name == "replace" and arguments == 1 and not node.keywords)
