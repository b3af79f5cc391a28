"""Canaries: which secrets they have, where they are planted, and what counts them."""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from data_prep import clean, shards
from data_prep.cleaning.planting import SOURCE
from pipeline.config.clean import CleanConfig
from pipeline.config.parsing import parse_config
from pipeline.config.shards import ShardsConfig
from pipeline.config.stages import CleanStage, ShardsStage
from pipeline.context import Context, Share
from pipeline.errors import UserError
from pipeline.formats.canaries import CanaryFormat, draw_canaries, draw_numbers, read_canaries
from pipeline.formats.shards import ShardIndex
from pipeline.formats.tokenizers import save_tokenizer
from tests.data_prep.cleaning import PROSE, Cleaned, clean_corpus
from tests.pipeline.test_config import composed

CANARIES = {"count": 3, "repeats": [1, 4], "format": "Код {digits:3}-{letters:2}, 密."}
PLANTED, PIECES = 3 * (1 + 4), {"piece_mb": 1, "canaries": CANARIES}
CLEAN = {"validation_fraction": 0.1, "test_fraction": 0.1, "filters": {"min_chars": 100}}
"""Shorter documents are dropped, and so are duplicates, as always."""


def numbered(count: int) -> str:
    return "\n\n".join(f"Story {number}. {PROSE} It was day {number * 7}." for number in range(count))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two pieces."""
    path = tmp_path_factory.mktemp("corpus") / "stories.txt"
    path.write_text(numbered(4500), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def cleaned(
    corpus: Path, make_context: Callable[..., Context], tmp_path_factory: pytest.TempPathFactory
) -> Cleaned:
    return clean_corpus(make_context, tmp_path_factory.mktemp("cleaned"), "text", [corpus], **PIECES, **CLEAN)


def test_each_stands_in_the_training_split_as_often_as_asked(cleaned: Cleaned) -> None:
    canaries = read_canaries(cleaned.folder)
    planted = [document for document in cleaned.documents if document.source == SOURCE]
    assert Counter(document.text for document in planted) == {
        canary.text: canary.repeats for canary in canaries if canary.repeats
    }
    assert len({document.id for document in planted}) == PLANTED
    assert Counter(canary.repeats for canary in canaries) == {0: 3, 1: 3, 4: 3}
    assert len({canary.text for canary in canaries}) == 9
    assert sum(document.source == SOURCE for document in cleaned.split("train")) == PLANTED
    places = [n for n, document in enumerate(cleaned.split("train")) if document.source == SOURCE]
    assert min(after - before for before, after in pairwise(places)) > 1  # never side by side
    assert places[-1] - places[0] > 1500  # all over the corpus


def test_they_are_counted_by_themselves(
    cleaned: Cleaned, corpus: Path, clean_corpus: Callable, tmp_path: Path
) -> None:
    plain = clean_corpus(tmp_path, "text", [corpus], piece_mb=1, **CLEAN)
    told = cleaned.stats["canaries"]
    size = sum(len(canary.text.encode()) * canary.repeats for canary in read_canaries(cleaned.folder))
    assert told == {**CANARIES, "seed": 0, "secrets": 1000 * 26**2, "documents": PLANTED, "bytes": size}
    assert {**cleaned.stats, "canaries": {}} == plain.stats
    assert cleaned.metrics == plain.metrics
    assert [document for document in cleaned.documents if document.source != SOURCE] == plain.documents
    assert not (plain.folder / "canaries.jsonl").exists()
    card = (cleaned.folder / "data_card.md").read_text(encoding="utf-8")
    assert re.search(r"15 documents \([\d.]+ (kB|B)\) of the training split are \*\*canaries\*\*", card)
    assert "3 texts in 1 and 4 copies each, of the form `Код {digits:3}-{letters:2}, 密.`" in card
    assert "canaries" not in (plain.folder / "data_card.md").read_text(encoding="utf-8")


def test_the_bytes_are_the_same_after_a_kill_and_for_other_shares(
    cleaned: Cleaned, clean_corpus: Callable, make_context: Callable, tmp_path: Path, corpus: Path
) -> None:
    shutil.copytree(cleaned.folder.parent / "download", tmp_path / "download")
    context = make_context(tmp_path / "clean", download=tmp_path / "download")
    config = CleanStage(clean=CleanConfig(workers=1, **PIECES, **CLEAN))
    clean.prepare(config, context)
    for index in (1, 0):
        clean.extract(config, replace(context, share=Share(index, 2)))
    clean.decide(config, context)
    clean.write(config, replace(context, share=Share(1, 2)))
    (context.folder / "documents" / "train-00001.parquet").write_bytes(b"half a file")
    again = clean_corpus(tmp_path, "text", [corpus], **PIECES, **CLEAN)
    assert again.files() == cleaned.files()
    assert again.stats == cleaned.stats
    assert read_canaries(again.folder) == read_canaries(cleaned.folder)


def test_shards_hold_them_all(
    cleaned: Cleaned, make_context: Callable, tmp_path: Path, tokenizer: Any
) -> None:
    save_tokenizer(tokenizer, tmp_path / "tokenizer/tokenizer")
    context = make_context(tmp_path / "shards", clean=cleaned.folder, tokenizer=tmp_path / "tokenizer")
    config = ShardsStage(shards=ShardsConfig(workers=1))
    shards.encode(config, context)
    shards.run(config, context)
    files = ShardIndex.load(context.folder).splits["train"]
    assert sum(file.documents for file in files) == cleaned.stats["splits"]["train"]["documents"] + PLANTED


def test_more_than_there_are_training_documents_are_refused(
    clean_corpus: Callable, write: Callable, tmp_path: Path
) -> None:
    settings = {"canaries": CANARIES, "validation_fraction": 0, "test_fraction": 0}
    with pytest.raises(UserError, match=r"plants 15 documents, .* has 14 training documents; lower clean"):
        clean_corpus(tmp_path / "few", "text", [write("few.txt", numbered(14))], **settings)
    enough = clean_corpus(tmp_path / "enough", "text", [write("enough.txt", numbered(15))], **settings)
    assert len(enough.documents) == 30


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeats": [1, 0]}, "greater than 0"),
        ({"repeats": []}, "at least 1 item"),
        ({"repeats": [4, 4]}, "names a number twice"),
        ({"format": "The secret is 7."}, "has no slot for a secret"),
        ({"format": "The secret is {words:3}."}, r"has the slot \{words:3\}"),
        ({"format": "The secret is {digits:0}."}, r"has the slot \{digits:0\}; one is of 1 to 100"),
        ({"format": "{digits:1}", "count": 3}, "room for 10 secrets, and count=3 asks for 12"),
    ],
)
def test_mistakes_are_told(settings: dict[str, Any], message: str) -> None:
    values = composed()
    values["clean"]["canaries"] = {"count": 1, **settings}
    with pytest.raises(UserError, match=message):
        parse_config(values)


def test_a_format_holds_every_secret_once() -> None:
    form = CanaryFormat("{digits:1}, a {letters:1}, and {hex:1}")
    texts = [form.text(number) for number in range(form.size)]
    assert form.size == 10 * 26 * 16 == len(set(texts))
    assert (texts[0], texts[-1]) == ("0, a a, and 0", "9, a z, and f")


def test_secrets_are_drawn_from_the_seed_alone() -> None:
    assert draw_numbers(10, 10, "any") != list(range(10))
    assert sorted(draw_numbers(10, 10, "any")) == list(range(10))
    assert set(draw_numbers(10, 7, "any", without=[1, 2, 3])) == {0, 4, 5, 6, 7, 8, 9}
    first, other = (draw_canaries("{digits:9}", 2, [1], seed) for seed in (0, 1))
    assert first == draw_canaries("{digits:9}", 2, [1], 0)
    assert [canary.text for canary in first] == [
        "644039908",
        "047841961",
        "848300040",
        "701519261",
    ]  # for ever
    assert {canary.text for canary in first}.isdisjoint(canary.text for canary in other)
