"""Unicode and white space."""

import pytest

from data_prep.text.normalize import normalize


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one\x0btwo\x0cthree\x85four\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("\ufeffzero\u200bwidth\u2060 soft\xadhyphen \ufffd", "zerowidth softhyphen"),
        ("bell\x07 null\x00 c1\x9f", "bell null c1"),
        ("half \ud83d of a pair", "half  of a pair"),
        ("no\xa0break\u2009thin\u3000ideographic", "no break thin ideographic"),
        ("e\u0301", "é"),
        ("trailing  \t\nnext", "trailing\nnext"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\n \t\n  \n\nb", "a\n\nb"),
        ("def f():\n    return 1", "def f():\n    return 1"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("  \n\n ", ""),
    ],
)
def test_normalization(raw: str, clean: str) -> None:
    assert normalize(raw) == clean


def test_forms() -> None:
    assert normalize("ﬁne ①", "NFC") == "ﬁne ①"
    assert normalize("ﬁne ①", "NFKC") == "fine 1"
    assert normalize("e\u0301", "none") == "e\u0301"


def test_normalizing_twice_changes_nothing(shared_data) -> None:
    text = (shared_data("tatoeba-zh-en") / "cmn.txt").read_text(encoding="utf-8")
    once = normalize(text)
    assert normalize(once) == once


def test_thirty_marks_on_a_character_stay_and_more_are_cut() -> None:
    assert normalize("x" + "\u0316" * 30) == "x" + "\u0316" * 30
    assert normalize("x" + "\u0316" * 31 + "y") == "x" + "\u0316" * 30 + "y"
    emoji = "\U0001f600" * 100
    assert normalize(emoji) == emoji
