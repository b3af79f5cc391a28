"""A filter that learns from good and bad examples: on real reviews, and in the clean stage."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from data_prep import preflight
from data_prep.filters.quality import held_out_accuracy, learn
from pipeline.config.parsing import parse_config
from pipeline.errors import UserError
from pipeline.known import Known
from pipeline.store.artifacts import Store
from tests.pipeline.test_config import composed

GOOD = [f"The {a} of the {b} was studied in detail, and its results were published." for a in
        ("shape", "weight", "age", "colour") for b in ("river", "stone", "bridge", "forest")]  # fmt: skip
BAD = [f"BUY {a} NOW!!! click here for cheap {b}, best price, free shipping, click click" for a in
       ("shoes", "pills", "watches", "phones") for b in ("deals", "offers", "coupons", "loans")]  # fmt: skip


def test_reviews_are_told_apart_about_as_well_as_words_allow(shared_data) -> None:
    archive = zipfile.ZipFile(
        io.BytesIO((shared_data("sentence-polarity") / "sentence_polarity.zip").read_bytes())
    )
    positive, negative = (
        archive.read(f"sentence_polarity/rt-polarity.{kind}").decode("latin-1").splitlines()
        for kind in ("pos", "neg")
    )
    assert 0.74 < held_out_accuracy(positive, negative) < 0.82


def test_what_is_learned_depends_on_the_examples_alone() -> None:
    first, second = learn(GOOD, BAD), learn(GOOD, BAD)
    assert (first.weights == second.weights).all()
    assert first.score("The age of the bridge was studied.") > 0.9
    assert first.score("click here for cheap pills") < 0.1


def test_the_clean_stage_drops_what_looks_like_the_bad_examples(write, clean_corpus, tmp_path) -> None:
    good = write("good.jsonl", "\n".join(json.dumps({"text": text}) for text in GOOD[:12]))
    for number, text in enumerate(BAD[:12]):
        write(f"bad/{number}.txt", text)
    corpus = write("corpus.txt", "\n\n".join([*GOOD[12:], *BAD[12:]]))
    quality = {"good": [str(good)], "bad": [str(tmp_path / "bad")]}
    cleaned = clean_corpus(
        tmp_path / "out", "text", [corpus], filters={"min_chars": None, "quality": quality}
    )
    assert sorted(document.text for document in cleaned.documents) == sorted(GOOD[12:])
    assert cleaned.stats["dropped"]["low_quality"]["documents"] == 4


def test_too_few_examples_are_told_before_the_start(write, tmp_path) -> None:
    def told(file: Path) -> str:
        values = composed()
        values["clean"]["filters"]["quality"] = {"good": [str(file)], "bad": [str(file)]}
        return preflight.quality(parse_config(values), Known(Store(tmp_path), {}))

    with pytest.raises(UserError, match=r"quality\.good has 1 example; bring 10 at least"):
        told(write("few.jsonl", json.dumps({"text": "One."}) + "\n"))
    many = write("many.jsonl", "\n".join(json.dumps({"text": text}) for text in (GOOD + BAD)))
    assert "of 32 good and 32 bad examples" in told(many)
