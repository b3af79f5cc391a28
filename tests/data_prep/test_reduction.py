"""Small letters and stop words: last of all, in every split, and nothing of it by default."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from data_prep.text.reduction import StopWords
from pipeline.context import Context
from tests.data_prep.cleaning import NO_FILTERS, PROSE, Cleaned, clean_corpus


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        (["english"], "The cat is on the mat.", "cat mat."),
        (["english"], "It's THE end, and wow of the", "It's end, wow"),
        (["cat", "C++"], "A cat, concatenated C++ code", "A, concatenated code"),
        (["english"], "one line\nof the\n\nnext", "one line\n\nnext"),
        (["的"], "我的书 的 字", "我的书 字"),
        (["english"], "the of and", ""),
    ],
)
def test_words_are_taken_out(words: list[str], before: str, after: str) -> None:
    assert StopWords(words).take_out(before) == after


def cleaned(folder: Path, clean: Callable[..., Cleaned], **settings: object) -> list[str]:
    folder.mkdir()
    path = folder / "notes.jsonl"
    rows = ({"text": f"{PROSE} Number {number} of them."} for number in range(30))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {"filters": NO_FILTERS, "validation_fraction": 0.2, "test_fraction": 0.2, **settings}
    return [document.text for document in clean(folder, "jsonl", [path], **config).documents]


def test_all_splits_are_treated_alike_and_by_default_nothing_is(
    tmp_path: Path, make_context: Callable[..., Context]
) -> None:
    clean = partial(clean_corpus, make_context)
    plain = cleaned(tmp_path / "plain", clean)
    small = cleaned(tmp_path / "small", clean, lowercase=True)
    assert len(plain) == 30
    assert any("The harbour" in text for text in plain)
    assert sorted(small) == sorted(text.lower() for text in plain)
    short = cleaned(tmp_path / "short", clean, stopwords=["english"], lowercase=True)
    assert len(short) == len(plain)
    assert all(text.startswith("harbour quiet first boats came.") for text in short)
