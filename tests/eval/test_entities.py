"""Scores of entities, against what seqeval and conlleval publish."""

import pytest

from eval.results import Bootstrap, Result
from eval.scoring.entities import entity_results
from eval.tasks.tags import marked, tag_results
from train.finetuning.tagging.schemes import Scheme

ONCE = Bootstrap(0, 0.95, 0)
EXPECTED = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
PREDICTED = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
"""The example of seqeval's README, whose report the test repeats."""


def scores(predicted, expected, scheme=Scheme("bio")):  # noqa: B008
    return {result.name: result.value for result in entity_results("m", predicted, expected, scheme, ONCE)}


def test_the_report_of_seqeval():
    found = scores(PREDICTED, EXPECTED)
    assert found == {
        "precision": 50,
        "recall": 50,
        "f1": 50,
        "f1_macro": 50,
        **{f"{name}_of_MISC": 0 for name in ("precision", "recall", "f1")},
        **{f"{name}_of_PER": 100 for name in ("precision", "recall", "f1")},
    }


def test_an_entity_may_begin_with_an_i():
    """seqeval's example of its default mode, which is conlleval's."""
    assert scores([["I-NP", "I-NP", "O"]], [["B-NP", "I-NP", "O"]])["f1"] == 100


@pytest.mark.parametrize(
    ("predicted", "precision", "recall"),
    [
        ("B-A I-A O B-B", 100, 100),
        ("B-A O O B-B", 50, 50),  # its end is another
        ("B-C I-C O B-B", 50, 50),  # its type is
        ("O O O B-B", 100, 50),
        ("B-A I-A B-B B-B", 200 / 3, 100),
        ("O O O O", 0, 0),
    ],
)
def test_type_and_both_ends_count(predicted, precision, recall):
    found = scores([predicted.split()], [["B-A", "I-A", "O", "B-B"]])
    assert found["precision"] == pytest.approx(precision)
    assert found["recall"] == pytest.approx(recall)


def test_without_entities_there_is_nothing_to_find():
    assert scores([["O", "O"]], [["O", "O"]]) == {"precision": 0, "recall": 0, "f1": 0, "f1_macro": 0}


def test_intervals_are_over_sentences():
    def f1(wrong: int, right: int) -> Result:
        sentences = [[rows[0]] * wrong + [rows[1]] * right for rows in (PREDICTED, EXPECTED)]
        results = entity_results("m", *sentences, Scheme("bio"), Bootstrap(100, 0.95, 0))
        return next(result for result in results if result.name == "f1")

    # Of six sentences, all that are drawn are of the four alike in 9% of the resamples.
    assert (f1(4, 2).low, f1(2, 4).high, f1(4, 2).n) == (0, 100, 6)
    assert f1(4, 2).headline == "entity F1 33.3%"


def test_accuracy_is_over_words():
    (accuracy,) = tag_results("m", [["A", "B", "A"], ["A"]], [["A", "A", "A"], ["B"]], Scheme("plain"), ONCE)
    assert accuracy.value == 50


def test_predictions_as_people_read_them():
    row = {"text": "Ada Lovelace, London", "spans": [(0, 3), (4, 12), (12, 13), (14, 20)]}
    tags = ["B-PER", "I-PER", "O", "B-LOC"]
    assert marked(row, tags, Scheme("bio")) == "[Ada Lovelace](PER), [London](LOC)"
    assert marked(row, ["N", "N", "P", "N"], Scheme("plain")) == "Ada/N Lovelace/N ,/P London/N"
