"""The embedded corpus: docstrings of the standard library and of a package, and questions about them."""

import json
import logging
import sys
from pathlib import Path

import pytest

from data_prep.download import run
from data_prep.sources.docstring_questions import first_sentence
from data_prep.sources.docstrings import read_module, source_files
from pipeline.config.corpora.python_docs import PythonDocsCorpus
from pipeline.config.run import RunConfig
from pipeline.config.stages import DownloadStage
from pipeline.context import Context
from pipeline.formats.documents import Document, read_documents
from pipeline.formats.source import Source
from pipeline.tracking.tracker import Tracker

SPLITS = ("train", "validation", "test")


def build(folder: Path, **settings) -> dict:
    corpus = PythonDocsCorpus(**{"packages": ["filelock", "no_such_package"], **settings})
    context = Context(folder, {}, Tracker(folder), logging.getLogger("test"), RunConfig(progress=False))
    return run(DownloadStage(corpus=corpus), context)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("python_docs")
    return build(folder), folder


def documents(folder: Path) -> list[Document]:
    return list(read_documents(folder / "documents", "all"))


def pairs(folder: Path, split: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "instruct" / f"{split}.jsonl").open(encoding="utf-8")]


def test_modules_of_the_library_and_of_packages_become_documents(built):
    metrics, folder = built
    by_id = {document.id: document for document in documents(folder)}
    assert metrics["documents"] == len(by_id) > 300  # ids are unique
    assert metrics["megabytes"] > 0.3
    text = by_id["shutil"].text
    assert text.startswith("Utility functions for copying and archiving files and directory trees.")
    assert "shutil.copymode(src, dst, *, follow_symlinks=True)\n\nCopy mode bits from src to dst." in text
    assert by_id["filelock"].source == "filelock"
    assert "topic:lambda" in by_id or "pydoc_data" not in sys.stdlib_module_names
    assert not any(".test" in name or name.startswith("idlelib") for name in by_id)


def test_source_names_the_authors(built):
    source = Source.load(built[1])
    assert (source.format, source.name) == ("documents", "python_docs")
    assert [file.split for file in source.files] == [None]
    assert "Python" in source.attribution
    assert "filelock" in source.attribution
    assert "no_such_package" not in source.attribution


def test_long_modules_become_several_documents(built):
    found = [document for document in documents(built[1]) if document.title == "turtle"]
    assert [document.id for document in found[:2]] == ["turtle", "turtle#2"]
    for document in found[1:]:
        assert document.text.removeprefix("class ").startswith("turtle.")
    assert max(len(document.text) for document in found) < 30_000


def test_nothing_that_is_read_is_imported(built):
    assert built
    assert "turtle" not in sys.modules
    assert "antigravity" not in sys.modules


def test_same_result_every_time(built, tmp_path):
    build(tmp_path)
    assert documents(tmp_path) == documents(built[1])
    for split in SPLITS:
        assert pairs(tmp_path, split) == pairs(built[1], split)


def test_max_mb_bounds_the_text(tmp_path):
    build(tmp_path, max_mb=0.7)
    texts = [document.text for document in documents(tmp_path)]
    assert 0.7e6 <= sum(len(text.encode()) for text in texts) <= 0.7e6 + len(texts[-1].encode())


def test_questions_are_many_distinct_and_answered(built):
    rows = {split: pairs(built[1], split) for split in SPLITS}
    assert len(rows["train"]) > 1000
    assert min(len(rows["validation"]), len(rows["test"])) > 40
    every = [pair for split in SPLITS for pair in rows[split]]
    assert len({pair["prompt"] for pair in every}) == len(every)
    for pair in every:
        assert pair["response"].endswith(".")
        assert len(pair["response"].split()) >= 2
    about = [pair for pair in every if "`shutil.copymode`" in pair["prompt"]]
    assert {pair["response"] for pair in about} == {"Copy mode bits from src to dst."}
    quoting = [pair for pair in every if "\n\n" in pair["prompt"]]
    assert len(quoting) > 100
    longest = max(len(pair["prompt"] + pair["response"]) for pair in quoting)
    assert longest <= 300, "what the 128 tokens of the demo's context hold"
    openings = {pair["prompt"].split("`")[0] for pair in every}
    assert len(openings) > 5


def test_answers_of_held_out_questions_are_not_in_training(built):
    train = {pair["response"].lower() for pair in pairs(built[1], "train")}
    for split in ("validation", "test"):
        assert not train & {pair["response"].lower() for pair in pairs(built[1], split)}


SOURCE = '''
"""What the module is for, in one sentence that is long enough."""
from native import add_docstr, add_newdoc

class Box(Base):
    """A box that holds things until they are taken out again."""

    def open(self, force: bool = False, *, quietly=True) -> None:
        """Open the box, by force where it has to be, and say so."""

    def _hidden(self):
        """A private method, whose words are nobody's but its own."""

    def close(self):
        """Close."""

if True:
    async def main(*names: str):
        r"""Run all of it; the lone surrogate \\ud800 is raw and stays."""

add_docstr(native.sum, r"""
sum(input) -> Tensor

Adds all the elements of the input up.

Args:
    {input}
    dim (int): the {{dimension}}.
""".format(**common) + "The end.")
add_newdoc("native.core", "array", ("fill", "Fill the whole array with one and the same value."))
'''


def test_what_is_taken_from_a_module(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(SOURCE, encoding="utf-8")
    (document,) = read_module("package.module", path).documents()
    assert document == (
        "package.module",
        "What the module is for, in one sentence that is long enough.\n\n\n"
        "class package.module.Box(Base)\n\nA box that holds things until they are taken out again.\n\n\n"
        "package.module.Box.open(force=False, *, quietly=True)\n\n"
        "Open the box, by force where it has to be, and say so.\n\n\n"
        "package.module.main(*names)\n\n"
        "Run all of it; the lone surrogate \\ud800 is raw and stays.\n\n\n"
        "native.sum\n\nsum(input) -> Tensor\n\nAdds all the elements of the input up.\n\n"
        "Args:\n    dim (int): the {dimension}.\nThe end.\n\n\n"
        "native.core.array.fill\n\nFill the whole array with one and the same value.",
    )


@pytest.mark.parametrize(
    "source", [b"def broken(:\n    '''x'''", b"'''\xff\xfe'''", b'"""nul\0"""', b"x = 1", b""]
)
def test_unreadable_modules_are_passed_over(tmp_path, source):
    path = tmp_path / "module.py"
    path.write_bytes(source)
    assert read_module("module", path) is None


def test_lone_surrogates_can_be_stored(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(r'"""An escape that no text may hold: \ud800, in this docstring."""', encoding="utf-8")
    assert read_module("module", path).text.encode("utf-8")


def test_private_folders_and_tests_are_left_out(tmp_path):
    names = ["b.py", "a/__init__.py", "a/c.py", "a/_private.py", "_core/d.py", "tests/e.py", "a/test_f.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [name for name, _ in source_files(tmp_path, "p")] == ["p.a", "p.a._private", "p.a.c", "p.b"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Join two\nor more pathnames. Then more.", "Join two or more pathnames."),
        ("Alias for :func:`torch.abs` on tensors.", "Alias for `torch.abs` on tensors."),
        ("Return values, e.g. numbers of the row.", "Return values, e.g. numbers of the row."),
        ("x : int\n    A number.", None),
        ("A heading without an end\n\nThen text.", None),
    ],
)
def test_first_sentence(text, sentence):
    assert first_sentence(text) == sentence
