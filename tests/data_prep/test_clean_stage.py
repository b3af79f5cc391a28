"""The clean stage as a whole: the tally adds up, nothing depends on the workers, held-out text is safe."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from data_prep import clean
from data_prep.reading.splits import assign_split
from pipeline.config.clean import CleanConfig, DeduplicateConfig
from pipeline.config.stages import CleanStage
from pipeline.context import Share
from pipeline.errors import UserError
from tests.data_prep.cleaning import NO_FILTERS, PROSE
from tests.data_prep.dump_files import FOOTER, HEADER, page_xml

MARKUP = re.compile(r"\{\{|\}\}|\[\[|\]\]|<ref|\{\||\|\}|&nbsp;")
ENWIKI = "wikidump/enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"


def numbered(count: int, start: int = 0) -> str:
    """Different documents, separated by blank lines."""
    return "\n\n".join(
        f"Story {number}. {PROSE} It was day {number * 7}." for number in range(start, start + count)
    )


def test_the_funnel_adds_up_and_names_every_reason(clean_corpus, write, tmp_path) -> None:
    bulleted = "\n".join(f"- item {n} of the list of things" for n in range(20))
    text = write("mixed.txt", "\n\n".join([numbered(20), "short", bulleted, numbered(3), "\u200b"]))
    cleaned = clean_corpus(tmp_path, "text", [text], filters={"min_chars": 100})
    stats = cleaned.stats
    assert cleaned.reasons == {"too_short": 1, "bullets": 1, "duplicate": 3, "empty": 1}
    assert stats["read"]["documents"] == 26 == stats["kept"]["documents"] + sum(cleaned.reasons.values())
    dropped_bytes = sum(counts["bytes"] for counts in stats["dropped"].values())
    assert stats["read"]["bytes"] == dropped_bytes + stats["kept"]["raw_bytes"]
    assert stats["kept"]["bytes"] == sum(len(document.text.encode()) for document in cleaned.documents)
    assert stats["kept"]["documents"] == len(cleaned.documents) == cleaned.metrics["documents"]
    assert cleaned.metrics["dropped_fraction"] == pytest.approx(6 / 26)
    words = sum(len(document.text.split()) for document in cleaned.documents)
    assert sum(split["words"] for split in stats["splits"].values()) == words == cleaned.metrics["words"]


def test_what_a_person_looks_at(clean_corpus, write, tmp_path) -> None:
    text = write("some.txt", numbered(30) + "\n\ntoo little")
    facts = {
        "license": "CC-BY-4.0",
        "attribution": "Someone",
        "url": "https://example.org",
        "date": "20260101",
    }
    cleaned = clean_corpus(tmp_path, "text", [text], source=facts)
    tables = cleaned.folder / "tables"
    rows = [json.loads(line) for line in (tables / "funnel.jsonl").read_text().splitlines()]
    kept = ["kept: train", "kept: validation", "kept: test"]
    assert [row["step"] for row in rows] == ["read", "dropped: too_short", *kept]
    assert json.loads((tables / "dropped_examples.jsonl").read_text()) == {
        "reason": "too_short", "title": "some.txt:8283", "beginning": "too little"
    }  # fmt: skip
    (source,) = cleaned.stats["sources"]
    assert source.items() >= facts.items()
    assert source["files"][0]["sha256"]


def test_two_workers_write_the_bytes_that_one_does(clean_corpus, shared_data, tmp_path) -> None:
    dump = shared_data(ENWIKI)
    one = clean_corpus(tmp_path / "one", "mediawiki", [dump], workers=1, piece_mb=1)
    two = clean_corpus(tmp_path / "two", "mediawiki", [dump], workers=2, piece_mb=1)
    assert len(one.files()) > 1
    assert one.files() == two.files()
    assert one.stats == two.stats


def test_a_wikipedia_dump_becomes_articles_without_markup(clean_corpus, shared_data, tmp_path) -> None:
    cleaned = clean_corpus(tmp_path, "mediawiki", [shared_data(ENWIKI)], filters=NO_FILTERS.model_dump())
    assert cleaned.reasons == {"redirect": 99, "disambiguation": 8, "namespace": 1}
    assert len(cleaned.documents) == 98
    assert [document.title for document in cleaned.documents if MARKUP.search(document.text)] == []
    anarchism = next(document for document in cleaned.documents if document.title == "Anarchism")
    assert (anarchism.id, anarchism.source) == ("enwiki:12", "enwiki")
    assert anarchism.meta["timestamp"].startswith("20")


def test_pages_that_hold_data_or_code_are_no_articles(clean_corpus, write, tmp_path) -> None:
    models = ("wikitext", "css", "sanitized-css", "json", "Scribunto", "wikibase-item", "proofread-page")
    pages = [page_xml(n, f"{PROSE} {n} {PROSE}").replace("wikitext", m) for n, m in enumerate(models, 1)]
    pages.append(page_xml(8, f"{PROSE} 8 {PROSE}").replace("<model>wikitext</model>", ""))
    dump = write("a.xml", HEADER + "".join(pages) + FOOTER)
    cleaned = clean_corpus(tmp_path, "mediawiki", [dump], validation_fraction=0, test_fraction=0)
    assert cleaned.reasons == {"no_wikitext": 5}
    assert [document.title for document in cleaned.documents] == ["Page 1", "Page 7", "Page 8"]


def test_disambiguations_are_kept_on_request(clean_corpus, shared_data, tmp_path) -> None:
    options = {"keep_disambiguations": True, "namespaces": [0, 4, 10], "filters": NO_FILTERS.model_dump()}
    cleaned = clean_corpus(tmp_path, "mediawiki", [shared_data(ENWIKI)], **options)
    assert cleaned.reasons == {"redirect": 100}


def test_documents_stay_in_their_split_when_others_are_added(clean_corpus, write, tmp_path) -> None:
    options = {"validation_fraction": 0.2, "test_fraction": 0.2}
    few = clean_corpus(tmp_path / "few", "text", [write("few/a.txt", numbered(100))], **options)
    files = [write("many/b.txt", numbered(50, 1000)), write("many/a.txt", numbered(150))]
    many = clean_corpus(tmp_path / "many", "text", files, **options)
    for name in ("train", "validation", "test"):
        assert {d.id for d in few.split(name)} <= {d.id for d in many.split(name)}
    assert 10 < len(few.split("test")) < 30
    assert 10 < len(few.split("validation")) < 30


def test_files_of_one_name_have_different_ids(clean_corpus, write, tmp_path) -> None:
    files = [
        write("x/part/a.txt", numbered(1)),
        write("y/part/a.txt", numbered(1, 5)),
        write("b.txt", numbered(1, 9)),
    ]
    cleaned = clean_corpus(tmp_path, "text", files)
    assert {document.id for document in cleaned.documents} == {"x/part/a.txt:0", "y/part/a.txt:0", "b.txt:0"}


def test_held_out_documents_are_never_dropped_and_never_trained_on(clean_corpus, write, tmp_path) -> None:
    files = {
        str(write("train.txt", numbered(10) + "\n\nshort")): "train",
        str(write("test.txt", f"{numbered(2)}\n\nshort\n\n{numbered(1)}")): "test",
        str(write("validation.txt", numbered(1, 5))): "validation",
    }
    cleaned = clean_corpus(tmp_path, "text", files, validation_fraction=0.5, test_fraction=0.4)
    assert len(cleaned.split("test")) == 4
    assert len(cleaned.split("validation")) == 1
    assert len(cleaned.split("train")) == 7
    assert cleaned.reasons == {"duplicate_of_held_out": 3, "too_short": 1}


def test_a_split_that_the_corpus_lacks_is_made_from_its_training_documents(
    clean_corpus, write, tmp_path
) -> None:
    files = {
        str(write("train.txt", numbered(100))): "train",
        str(write("test.txt", numbered(3, 500))): "test",
    }
    cleaned = clean_corpus(tmp_path, "text", files, validation_fraction=0.2, test_fraction=0.2)
    assert len(cleaned.split("test")) == 3
    assert len(cleaned.split("train")) + len(cleaned.split("validation")) == 100
    assert len(cleaned.split("validation")) > 5


def test_the_shares_of_the_splits_are_as_asked() -> None:
    splits = [assign_split(f"wiki:{number}", None, (), 0.01, 0.02) for number in range(50_000)]
    assert splits.count("validation") / 50_000 == pytest.approx(0.01, abs=0.002)
    assert splits.count("test") / 50_000 == pytest.approx(0.02, abs=0.003)


@pytest.mark.parametrize("workers", [1, 2])
def test_max_documents_stops_early(clean_corpus, write, tmp_path, workers) -> None:
    text = write("many.txt", numbered(3000))
    cleaned = clean_corpus(tmp_path, "text", [text], max_documents=700, workers=workers)
    assert cleaned.metrics["documents"] == 700
    assert cleaned.stats["read"]["documents"] == 700  # within a piece, no more is read


def test_duplicates_are_kept_on_request(clean_corpus, write, tmp_path) -> None:
    text = write("twice.txt", f"{numbered(5)}\n\n{numbered(5)}")
    cleaned = clean_corpus(tmp_path, "text", [text], deduplicate=DeduplicateConfig(documents="none"))
    assert cleaned.metrics["documents"] == 10


def test_what_a_killed_run_has_done_is_kept_and_what_it_left_half_done_is_replaced(
    clean_corpus, write, make_context, tmp_path
) -> None:
    text = write("a.txt", numbered(9000))
    whole = clean_corpus(tmp_path / "whole", "text", [text], piece_mb=1)
    shutil.copytree(tmp_path / "whole" / "download", tmp_path / "killed" / "download")
    context = make_context(tmp_path / "killed" / "clean", download=tmp_path / "killed" / "download")
    config = CleanStage(clean=CleanConfig(workers=1, piece_mb=1))
    clean.prepare(config, context)
    clean.extract(config, replace(context, share=Share(1, 2)))
    done = context.marker("extract", 1)
    before = done.stat().st_mtime_ns
    assert not context.marker("extract", 0).exists()
    (context.scratch / "extract" / "00000.parquet").write_bytes(b"half a file")
    killed = clean_corpus(tmp_path / "killed", "text", [text], piece_mb=1)
    assert done.stat().st_mtime_ns == before
    assert killed.files() == whole.files()
    assert len(whole.files()) > 3
    assert killed.stats == whole.stats


def test_detokenizing_what_is_no_wikitext_is_refused(clean_corpus, write, tmp_path) -> None:
    with pytest.raises(UserError, match=r"clean\.detokenize"):
        clean_corpus(tmp_path, "text", [write("a.txt", numbered(5))], detokenize=True)
