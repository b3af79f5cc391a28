"""Numbers of things in messages are grammatical, and nothing is said of `1 examples`."""

from collections import Counter

from pipeline.stages import STAGES, describe
from pipeline.text.counts import counted
from train.finetuning.data import Splits


def test_one_and_many() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(0, "row") == "0 rows"
    assert counted(1200, "row") == "1,200 rows"
    assert counted(1, "match", "matches") == "1 match"
    assert counted(2, "file is empty", "files are empty") == "2 files are empty"


def test_what_is_left_out_and_not_read() -> None:
    splits = Splits([], [], [], Counter({"it is empty": 1, "it is long": 2}), 0, {"id": 1, "tag": 3})
    assert splits.describe_left_out() == (
        "1 example is left out: it is empty; 2 examples are left out: it is long"
    )
    assert splits.describe_unread() == "not read: id (1 row), tag (3 rows)"


def test_the_figure_of_clean() -> None:
    assert describe(STAGES["clean"], {"documents": 1, "megabytes": 0.5}) == "1 document, 0.5 MB"
    assert describe(STAGES["clean"], {"documents": 1200, "megabytes": 2.0}) == "1,200 documents, 2.0 MB"
