"""Exact deduplication."""

from data_prep.dedup.digest import digest


def test_case_and_white_space_make_no_difference_and_everything_else_does() -> None:
    assert digest("A Tale\nof  two\tcities") == digest("a tale of two cities")
    assert digest("Straße") == digest("STRASSE")
    assert digest("a tale of two cities") != digest("a tale of two cities.")
    assert digest("12") != digest("21")


def test_a_long_text_has_one_digest_wherever_it_is_cut() -> None:
    text = "".join(f"sentence {number}. " for number in range(200_000))
    assert digest(text) == digest(text.replace(" ", "  \n"))
    assert digest(text) != digest(text + "x")
