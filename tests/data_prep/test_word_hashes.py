"""Words as hashes: what separates them, what makes them equal, where they are."""

import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.reading.wikitext_detokenizer import detokenize
from data_prep.text import word_hashes as module
from data_prep.text.text_features import Features
from data_prep.text.word_hashes import UNKNOWN, placed_words, word_hashes
from pipeline.text.words import find_words, split_words


def words(text: str) -> list[str]:
    """The stretches of the text that are hashed."""
    _, starts, ends = placed_words(text)
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n.–!", []),
        ("The cat's 1,250 tails", ["The", "cat", "s", "1", "250", "tails"]),
        ("snake_case e-mail", ["snake", "case", "e", "mail"]),
        ("Überraschung naïve", ["Überraschung", "naïve"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我有GPT4。好", ["我", "有", "GPT4", "好"]),
        ("カタ ไทย ที่นี่", ["カ", "タ", "ไ", "ท", "ย", "ที่", "นี่"]),
        ("ทีa が", ["ที", "a", "が"]),
        ("a \U0001f600 b", ["a", "b"]),
        ("\U00020000\U00020001", ["\U00020000", "\U00020001"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_case_is_folded_and_nothing_else() -> None:
    hashes = word_hashes("Strasse STRASSE strasse Straße ΣΊΣΥΦΟΣ σίσυφος cafe café ab ba a b").tolist()
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
    assert hashes[4] == hashes[5]
    assert len(set(hashes[6:])) == 6


def test_wikitext_and_ordinary_text_have_the_same_words(shared_data) -> None:
    text = shared_data("wikitext-2/wiki.valid.tokens").read_text(encoding="utf-8")
    hashes = placed_words(text).hashes
    assert np.array_equal(hashes, placed_words(detokenize(text)).hashes)
    assert (hashes == UNKNOWN).sum() == text.count("<unk>") > 10_000
    # Different words have different hashes.
    spelled = [word.casefold() for word, hash in zip(words(text), hashes, strict=True) if hash != UNKNOWN]
    assert len(set(spelled)) == len(np.unique(hashes)) - 1


PARTS = [
    "a",
    "b1",
    "é",
    "–",
    ",",
    "“",
    " ",
    "\n",
    "港",
    "ที่",
    "น",
    "नी",
    "한",
    "。",
    "）",
    "ー",
    "か\u3099",
    "1",
    "_",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_all_that_compares_or_counts_words_sees_the_same_ones(text: str) -> None:
    assert words(text) == find_words(text)
    assert np.array_equal(word_hashes(text), placed_words(text).hashes)
    assert Features(text).words == len(split_words(text))


def test_a_long_text_is_hashed_in_slices_that_do_not_show(monkeypatch) -> None:
    text = "One two-three, 四五 <unk> " * 300 + "x" * 99
    whole = placed_words(text)
    monkeypatch.setattr(module, "_SLICE", 100)
    for sliced, expected in zip(placed_words(text), whole, strict=True):
        assert np.array_equal(sliced, expected)


def test_hashes_are_the_same_in_every_process() -> None:
    code = "from data_prep.text.word_hashes import word_hashes; print(word_hashes('Der Löwe 狮').tolist())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(word_hashes("der löwe 狮").tolist())


def test_surrogates_and_the_last_code_points_are_no_words() -> None:
    assert words("a\ud800b \U0010ffff c" + unicodedata.lookup("VARIATION SELECTOR-17")) == ["a", "b", "c"]
