"""The clean stage takes out what other documents hold: what is left where, and counted, whoever did which piece."""

import json
import random
from pathlib import Path

import pytest

from data_prep.dedup.units import UNITS
from pipeline.config.clean import DeduplicateConfig
from tests.data_prep.cleaning import NO_FILTERS

NOTICE = "This page is kept by the harbour office, and anybody may copy it for any purpose but advertising for fish."
STORY = " ".join(f"wave{number} and boat{number % 7}" for number in range(60))
EVERY = dict.fromkeys(UNITS, True)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """600 documents of words of their own, each with the notice, every third with the story in the midst of a line."""
    rng = random.Random(1)
    path = tmp_path / "pages.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(600):
            own = [" ".join(f"w{rng.randrange(10**9)}" for _ in range(120)) + "." for _ in range(2)]
            story = f" {STORY} " if number % 3 == 0 else " "
            file.write(json.dumps({"text": f"{own[0]}{story}{own[1]}\n\n{NOTICE}"}) + "\n")
    return path


def test_each_stands_in_one_document_of_any_split(clean_corpus, tmp_path: Path, corpus: Path) -> None:
    config = {"filters": NO_FILTERS, "validation_fraction": 0.1, "test_fraction": 0.1}
    unit = DeduplicateConfig(paragraphs=True, passages=True)
    cleaned = clean_corpus(tmp_path / "a", "jsonl", [corpus], deduplicate=unit, **config)
    whole = clean_corpus(tmp_path / "b", "jsonl", [corpus], **config)
    before = {document.id: document.text for document in whole.documents}
    held_out = {document.id for name in ("validation", "test") for document in cleaned.split(name)}
    for what in (NOTICE, STORY):
        holders = [document.id for document in cleaned.documents if what in document.text]
        assert len(holders) == 1
        assert holders[0] in held_out  # training text is what goes
    for document in cleaned.documents:
        own = before[document.id]
        for what in (NOTICE, STORY):
            own = own if what in document.text else own.replace(what, "")
        assert document.text.split() == own.split()
        assert "  " not in document.text
    counts = cleaned.stats["repeated_text"]
    assert counts["paragraphs"] == 599
    assert counts["passages"] == 199
    assert counts["documents"] == 599
    lost = sum(len(text.encode()) for text in before.values()) - cleaned.stats["kept"]["bytes"]
    assert counts["bytes"] == lost
    assert "599 paragraphs and 199 passages" in (cleaned.folder / "data_card.md").read_text()


def test_units_together_and_any_number_of_workers(clean_corpus, tmp_path: Path, corpus: Path) -> None:
    unit = DeduplicateConfig(**EVERY, min_line_chars=20, min_sentence_chars=20)
    config = {"filters": NO_FILTERS, "deduplicate": unit, "piece_mb": 1}
    one = clean_corpus(tmp_path / "a", "jsonl", [corpus], **config)
    three = clean_corpus(tmp_path / "b", "jsonl", [corpus], workers=3, **config)
    assert one.files() == three.files()
    assert len(one.files()) > 3  # of several pieces
    assert all(one.stats["repeated_text"][name] for name in UNITS)
    assert sum(NOTICE in document.text for document in one.documents) == 1


def test_a_document_that_is_nothing_else_goes(clean_corpus, tmp_path: Path) -> None:
    path = tmp_path / "pages.jsonl"
    texts = [f"{NOTICE} {STORY}", f"{STORY}\nmore", f"{STORY} {STORY.upper()}"]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    cleaned = clean_corpus(
        tmp_path / "a",
        "jsonl",
        [path],
        filters=NO_FILTERS,
        deduplicate=DeduplicateConfig(passages=True),
        validation_fraction=0,
        test_fraction=0,
    )
    assert [document.text for document in cleaned.documents] == [texts[0], "more"]
    assert cleaned.reasons == {"repeated_text": 1}
