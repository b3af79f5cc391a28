"""Numbers of things in messages are grammatical, and nothing is said of `1 examples`."""

from collections import Counter

from pipeline.formats.training_artifact import weights_name
from pipeline.stages import STAGES, describe
from pipeline.text.counts import counted
from pipeline.text.sizes import size_in_words, sizes_in_words
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


def test_sizes_of_a_column_have_one_unit() -> None:
    assert size_in_words(512) == "512 B"
    assert size_in_words(2_345) == "2.3 kB"
    assert size_in_words(13_200_000_000) == "13.20 GB"
    assert sizes_in_words([2.2e9, 26.34e9, 40e6]) == ["2.20 GB", "26.34 GB", "0.04 GB"]
    assert sizes_in_words([10.2e6, 0.5e9, 300]) == ["0.010 GB", "0.500 GB", "< 0.001 GB"]
    assert sizes_in_words([0, 300]) == ["0.000 kB", "0.300 kB"]


def test_a_base_is_called_by_its_run() -> None:
    names = ("/a/runs/demo/export/model", "/store/export/demo-0123/model", "/models/gpt2")
    assert [weights_name(name) for name in names] == ["demo", "demo-0123", "gpt2"]
