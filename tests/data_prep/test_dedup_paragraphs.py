"""Paragraphs: numbers, hashes, removal."""

import pytest

from data_prep.dedup.paragraphs import paragraph_hashes, remove_paragraphs

TEXT = "Title\n\nThe first paragraph,\non two lines.\n \n\nA second one.\n\n\nThe third is last.\n"


def test_paragraphs_are_separated_by_blank_lines_and_numbered_through() -> None:
    numbers, hashes = paragraph_hashes(TEXT, 10)
    assert numbers.tolist() == [1, 2, 3]
    again = paragraph_hashes("a SECOND   one.\n\nx", 10)
    assert again[0].tolist() == [0]
    assert again[1][0] == hashes[1]


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
def test_what_is_left_stays_as_it_is(numbers: list[int], left: str) -> None:
    assert remove_paragraphs(TEXT, numbers) == left


def test_no_paragraphs() -> None:
    numbers, hashes = paragraph_hashes("short", 10)
    assert len(numbers) == len(hashes) == 0
