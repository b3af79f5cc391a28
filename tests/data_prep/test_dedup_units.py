"""Paragraphs, lines, sentences and passages: what goes, held to a comparison of everything with everything, and how
what is left reads."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.dedup import Keys, KeyWriter, cut, decide
from data_prep.dedup.units import units
from data_prep.dedup.units.passages import Passages
from data_prep.dedup.units.stretches import Lines, Paragraphs, Sentences
from pipeline.config.clean import DeduplicateConfig

TEXT = "Title\n\nThe first paragraph,\non two lines.\n \n\nA second one.\n\n\nThe third is last.\n"


def test_paragraphs_are_separated_by_blank_lines_and_numbered_through() -> None:
    paragraphs = Paragraphs(10)
    hashes = paragraphs.hashes(TEXT)
    assert [bool(each) for each in hashes] == [False, True, True, True]  # the title is too short
    again = paragraphs.hashes("a SECOND   one.\n\nx")
    assert again.tolist() == [hashes[2], 0]


@pytest.mark.parametrize(
    ("numbers", "left"),
    [
        ([], TEXT),
        ([1], "Title\n\nA second one.\n\n\nThe third is last.\n"),
        ([0, 2], "The first paragraph,\non two lines.\n \n\nThe third is last.\n"),
        ([3], "Title\n\nThe first paragraph,\non two lines.\n \n\nA second one."),
        ([2, 3], "Title\n\nThe first paragraph,\non two lines."),
        ([0, 1, 2, 3], ""),
    ],
)
def test_what_is_left_of_paragraphs_stays_as_it_is(numbers: list[int], left: str) -> None:
    assert cut(TEXT, Paragraphs(10).spans(TEXT, np.array(numbers, dtype=int))) == left


PROSE = "One. Two is here.\nThree!  Four?\n\nFive. Six"


@pytest.mark.parametrize(
    ("unit", "numbers", "left"),
    [
        (Sentences(1), [1], "One.\nThree!  Four?\n\nFive. Six"),
        (Sentences(1), [2], "One. Two is here.\nFour?\n\nFive. Six"),
        (Sentences(1), [3, 4], "One. Two is here.\nThree!\n\nSix"),
        (Sentences(1), [0, 5], "Two is here.\nThree!  Four?\n\nFive."),
        (Lines(1), [0], "Three!  Four?\n\nFive. Six"),
        (Lines(1), [1], "One. Two is here.\n\nFive. Six"),
        (Lines(1), [1, 2], "One. Two is here."),
    ],
)
def test_where_lines_and_sentences_were_what_separates_more_stays(unit, numbers, left) -> None:
    assert cut(PROSE, unit.spans(PROSE, np.array(numbers))) == left


@pytest.mark.parametrize(
    ("text", "numbers", "left"),
    [
        ("He said: “one two three.” Then he left.", [2], "He said: Then he left."),
        ("A (one two three), b", [1], "A b"),
        ("a one two three b, four five six. c", [1, 5], "a b, c"),
        ("one two three four, five", [0, 1], "five"),  # overlapping passages are one
        ("前文。一二三。后文", [2], "前文。后文"),
        ("a one two three", [1], "a"),
    ],
)
def test_passages_go_with_their_punctuation(text: str, numbers: list[int], left: str) -> None:
    assert cut(text, Passages(3).spans(text, np.array(numbers))) == left


def test_sentences_of_scripts_with_their_own_marks() -> None:
    text = "猫坐着。狗跑了！\nयह एक वाक्य है। यह दूसरा है।"
    found = [text[start:end] for start, end in Sentences(1).split(text)]
    assert found == ["猫坐着。", "狗跑了！", "यह एक वाक्य है।", "यह दूसरा है।"]


def run(texts: list[str], config: DeduplicateConfig) -> list[str]:
    """What is left of documents, in pieces of two."""
    with tempfile.TemporaryDirectory() as name:
        folder, starts = Path(name), range(0, len(texts), 2)
        for piece, start in enumerate(starts):
            with KeyWriter(folder / "keys", piece, config) as keys:
                for number, text in enumerate(texts[start : start + 2], start):
                    keys.add(str(number), text)
        decisions = decide(Keys(folder / "keys", len(starts)), config, folder / "decisions")
        unit = units(config)[0]
        left = []
        for piece, start in enumerate(starts):
            found = decisions.piece(piece).repeated
            for row, text in enumerate(texts[start : start + 2]):
                numbers = found.get(row, {}).get(unit.name)
                left.append(text if numbers is None else cut(text, unit.spans(text, numbers)))
        return left


def brute_force(texts: list[str], n: int) -> list[str]:
    """Passages, each compared with all before; of words between single spaces."""
    left, before = [], set()
    for text in texts:
        words = text.split()
        passages = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
        gone = {
            place
            for start, passage in enumerate(passages)
            if passage in before
            for place in range(start, start + n)
        }
        left.append(" ".join(word for place, word in enumerate(words) if place not in gone))
        before.update(passages)
    return left


few_words = st.lists(st.sampled_from("abc"), max_size=40).map(" ".join)


@given(st.lists(few_words, min_size=1, max_size=8), st.integers(2, 6))
@settings(max_examples=150, deadline=None)
def test_passages_are_those_that_a_comparison_with_all_before_finds(texts: list[str], n: int) -> None:
    config = DeduplicateConfig(documents="none", passages=True, passage_words=n)
    assert run(texts, config) == brute_force(texts, n)


few_lines = st.lists(st.sampled_from(["", "x", "yy yy", "YY  yy", "zzzz", "zzz."]), max_size=8).map("\n".join)


@given(st.lists(few_lines, min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_lines_are_those_that_a_comparison_with_all_before_finds(texts: list[str]) -> None:
    config = DeduplicateConfig(documents="none", lines=True, min_line_chars=2)
    before: set[str] = set()
    for text, left in zip(texts, run(texts, config), strict=True):
        keys = [("".join(line.split()).casefold(), line) for line in text.split("\n")]
        stay = [line for key, line in keys if len(line) < 2 or key not in before]
        assert [line for line in left.split("\n") if line] == [line for line in stay if line]
        assert "\n\n\n" not in left or "\n\n\n" in text
        before.update(key for key, _ in keys)


def test_no_passage_of_real_text_stands_in_two_documents(shared_data) -> None:
    """WikiText-2's articles of the validation split, with paragraphs of others planted among them."""
    source = (shared_data("wikitext-2") / "wiki.valid.tokens").read_text(encoding="utf-8")
    texts = [text.strip() for text in source.split("\n = ") if len(text) > 200][:200]
    planted = [
        f"{text[: len(text) // 2]} {other[len(other) // 3 : len(other) // 2]} {text[len(text) // 2 :]}"
        for other, text in pairwise(texts)
    ]
    left = run(planted, DeduplicateConfig(documents="none", passages=True, passage_words=30))
    before: set[int] = set()
    for text in left:
        passages = set(Passages(30).hashes(text).tolist())
        assert len(passages & before) < 10  # across a cut by chance
        before |= passages
    assert sum(map(len, left)) < 0.95 * sum(map(len, planted))
