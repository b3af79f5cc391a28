"""A split that the hash of the ids leaves too short gets further documents, or the ends of a few long ones."""

import json
import logging
from functools import partial
from pathlib import Path

import pytest

from data_prep.cleaning.hold_out import cut_ends
from data_prep.reading.splits import assign_split, hash_share
from tests.data_prep.cleaning import NO_FILTERS, PROSE, Cleaned

FRACTIONS = {"validation_fraction": 0.01, "test_fraction": 0.01}
WHOLE = {"split_documents": False, "filters": NO_FILTERS.model_dump()}


def story(number: int, paragraphs: int) -> str:
    return "\n\n".join(f"Part {n} of story {number}. {PROSE}" for n in range(paragraphs))


def size(cleaned: Cleaned, split: str) -> int:
    return sum(len(document.text.encode()) for document in cleaned.split(split))


def by_hash(cleaned: Cleaned, split: str) -> set[str]:
    return {d.id for d in cleaned.documents if assign_split(d.id, None, (), **SHARES) == split}


SHARES = {"validation": 0.01, "test": 0.01}


def test_of_some_dozen_files_those_next_in_the_order_of_their_hash(clean_corpus, write, tmp_path) -> None:
    files = [write(f"notes/{number:02d}.md", story(number, 40)) for number in range(60)]
    cleaned = clean_corpus(tmp_path, "text", files, **WHOLE)
    ordered = sorted((document.id for document in cleaned.documents), key=hash_share)
    held_out = [{document.id for document in cleaned.split(split)} for split in ("test", "validation")]
    assert held_out[0] | held_out[1] == set(ordered[:12])
    assert [len(ids) for ids in held_out] == [6, 6]
    assert len(cleaned.documents) == 60 == cleaned.metrics["documents"]
    assert cleaned.stats["held_out_ends"] == 0


@pytest.mark.parametrize("piece_mb", [1, 32])
def test_of_three_books_the_ends(clean_corpus, write, tmp_path, piece_mb) -> None:
    books = [story(number, 2000) for number in range(3)]
    files = [write(f"{number}.txt", book) for number, book in enumerate(books)]
    cleaned = clean_corpus(tmp_path, "text", files, piece_mb=piece_mb, **WHOLE)
    for number, book in enumerate(books):
        parts = [
            document.text
            for split in ("train", "validation", "test")
            for document in cleaned.split(split)
            if document.id.partition("#")[0] == f"{number}.txt:0"
        ]
        assert len(parts) == 3
        assert "\n\n".join(parts) == book
        assert all(0.01 <= len(part) / len(book) < 0.012 for part in parts[1:])
    stats = cleaned.stats
    assert {d.id.partition("#")[2] for d in cleaned.split("test")} == {"test"}
    assert stats["held_out_ends"] == 6
    assert stats["read"]["documents"] == 3 == stats["kept"]["documents"] - stats["held_out_ends"]
    assert stats["read"]["bytes"] == stats["kept"]["raw_bytes"]
    assert stats["kept"]["bytes"] == sum(len(document.text.encode()) for document in cleaned.documents)
    assert cleaned.metrics["dropped_fraction"] == 0
    assert "6 held-out documents are the ends" in (cleaned.folder / "data_card.md").read_text()


def test_one_small_text_gives_a_twentieth_to_each(clean_corpus, write, tmp_path, caplog) -> None:
    with caplog.at_level(logging.INFO, "test"):
        cleaned = clean_corpus(tmp_path, "text", [write("book.txt", story(0, 200))], **WHOLE)
    total = size(cleaned, "train") + size(cleaned, "validation") + size(cleaned, "test")
    for split in ("validation", "test"):
        assert 0.045 < size(cleaned, split) / total < 0.06
        assert any(f"hold some out for {split}: the last 5.0% of each" in line for line in caplog.messages)


def essay(number: int, sentences: int) -> str:
    return f"第{number}篇：今天的天气很好。" * sentences


def held_out(cleaned: Cleaned) -> tuple[int, int]:
    return len(cleaned.split("validation")), len(cleaned.split("test"))


def test_the_ends_of_chinese_documents_are_long_enough_by_their_bytes(clean_corpus, write, tmp_path) -> None:
    """A twentieth of each has more than 200 bytes, which say as much as 200 letters, and less than 200 characters."""
    files = [write(f"{n:02d}.txt", essay(n, 180)) for n in range(30)]
    cleaned = clean_corpus(tmp_path, "text", files, **WHOLE)
    assert all(cleaned.split(split) for split in ("train", "validation", "test"))
    assert held_out(cleaned) == (30, 30)


TEXT = pytest.mark.parametrize(
    "text", [partial(story, paragraphs=6), partial(essay, sentences=45)], ids=["English", "Chinese"]
)


@TEXT
@pytest.mark.parametrize(("count", "expected"), [(10, 2), (13, 3), (24, 6), (36, 6)])
def test_of_a_folder_of_short_texts_whole_ones_are_held_out(
    clean_corpus, write, tmp_path, caplog, count, expected, text
) -> None:
    """A tenth of each is less than an end must have, and a tenth of them too few documents."""
    files = [write(f"{n:02d}.txt", text(n)) for n in range(count)]
    with caplog.at_level(logging.WARNING, "test"):
        cleaned = clean_corpus(tmp_path, "text", files, **WHOLE)
    assert held_out(cleaned) == (expected, expected)
    assert cleaned.stats["held_out_ends"] == 0
    assert len(caplog.messages) == (count < 24)
    assert all("at least 24 in all" in line for line in caplog.messages)


@TEXT
@pytest.mark.parametrize("count", [10, 20])
def test_of_a_folder_of_essays_the_ends_are_up_to_a_tenth(
    clean_corpus, write, tmp_path, caplog, count, text
) -> None:
    """A twentieth of each is less than an end must have."""
    files = [write(f"{n:02d}.txt", text(n) + "\n\n" + text(n + 100)) for n in range(count)]
    with caplog.at_level(logging.INFO, "test"):
        cleaned = clean_corpus(tmp_path, "text", files, **WHOLE)
    assert held_out(cleaned) == (count, count)
    assert any("for test: the last 10.0% of each is" in line for line in caplog.messages)


def test_larger_fractions_leave_no_split_with_too_little(clean_corpus, write, tmp_path, caplog) -> None:
    """Of short texts beside a long one, where the hash gives each split another number of them."""
    files = [write(f"{n:02d}.txt", essay(n, 90 + n)) for n in range(48)]
    files.append(write("long.txt", story(0, 1200)))
    for fraction in (0.01, 0.05, 0.1, 0.15, 0.2, 0.3):
        shares = {"validation_fraction": fraction, "test_fraction": fraction}
        with caplog.at_level(logging.WARNING, "test"):
            cleaned = clean_corpus(tmp_path / str(fraction), "text", files, **WHOLE | shares)
        assert min(held_out(cleaned)) >= 6
        assert min(size(cleaned, split) for split in ("validation", "test")) > 16_000
    assert not caplog.messages


@pytest.mark.parametrize("long", [1, 2])
def test_beside_long_files_short_ones_are_shared_by_both_splits(
    clean_corpus, write, tmp_path, caplog, long
) -> None:
    """A tenth of the files is a little less than a split wants; the ends of the long ones would be fewer documents."""
    files = [write(f"long{number}.txt", story(number, 3000)) for number in range(long)]
    files += [write(f"short/{number:02d}.txt", story(number, 13)) for number in range(48)]
    with caplog.at_level(logging.INFO, "test"):
        cleaned = clean_corpus(tmp_path, "text", files, **WHOLE)
    assert [len(cleaned.split(split)) for split in ("train", "validation", "test")] == [36 + long, 6, 6]
    assert cleaned.stats["held_out_ends"] == 0
    assert not [line for line in caplog.messages if "confidence" in line]


def test_splits_of_too_few_documents_are_told(clean_corpus, write, tmp_path, caplog) -> None:
    with caplog.at_level(logging.WARNING, "test"):
        clean_corpus(tmp_path, "text", [write(f"{n}.txt", story(n, 6)) for n in range(10, 26)], **WHOLE)
    [told] = caplog.messages
    assert told.startswith("validation and test are each only 4 documents: their figures")


def test_of_some_dozen_long_documents_the_ends_since_few_of_them_fill_a_split(
    clean_corpus, write, tmp_path, caplog
) -> None:
    """Each is 4% of the text, and more than the 16 kB that a split needs; the hash holds one of them out."""
    files = [write(f"notes/{number:02d}.md", story(number, 100)) for number in range(25)]
    with caplog.at_level(logging.INFO, "test"):
        cleaned = clean_corpus(tmp_path, "text", files, **WHOLE)
    assert [len(cleaned.split(split)) for split in ("train", "validation", "test")] == [25, 25, 25]
    for split in ("validation", "test"):
        assert 16_000 < size(cleaned, split) < 25_000
    assert any(
        line.startswith("1 of the documents to hold out stays in training") for line in caplog.messages
    )
    assert not [line for line in caplog.messages if "confidence" in line]


def test_a_split_of_one_document_is_told(clean_corpus, write, tmp_path, caplog) -> None:
    with caplog.at_level(logging.INFO, "test"):
        cleaned = clean_corpus(tmp_path, "text", [write("book.txt", story(0, 200))], **WHOLE)
    log = " ".join(" ".join(caplog.messages).split())
    assert "read 1 document 54.29 kB kept: train 1 document 48.85 kB" in log
    assert "2 held-out documents are the ends of training documents" in log
    assert cleaned.metrics["documents"] == 1
    card = (cleaned.folder / "data_card.md").read_text()
    assert "\n1 document, 0.05 MB of text (10^6 bytes), of 1 read.\n" in card
    [told] = [line for line in caplog.messages if "single document" in line]
    assert told.startswith("validation and test are each a single document: its figures have no confidence")


def test_a_file_that_the_hash_holds_out_is_not_all_of_a_corpus(clean_corpus, write, tmp_path) -> None:
    assert assign_split("a.txt:0", None, (), **SHARES) == "test"
    alone = clean_corpus(tmp_path / "alone", "text", [write("a.txt", story(0, 400))], **WHOLE)
    total = size(alone, "train") + size(alone, "validation") + size(alone, "test")
    assert size(alone, "train") / total > 0.85
    files = [write(f"notes/{number}.txt", story(number, 400)) for number in (1, 2, 3)]
    cleaned = clean_corpus(tmp_path / "four", "text", [*files, tmp_path / "a.txt"], **WHOLE)
    assert len(cleaned.split("train")) == len(cleaned.split("test")) == len(cleaned.split("validation")) == 4


def test_workers_and_pieces_change_nothing(clean_corpus, write, tmp_path) -> None:
    files = [write(f"notes/{number:02d}.md", story(number, 400)) for number in range(40)]
    one = clean_corpus(tmp_path / "one", "text", files, piece_mb=1, workers=1, **WHOLE)
    two = clean_corpus(tmp_path / "two", "text", files, piece_mb=1, workers=2, **WHOLE)
    assert one.files() == two.files()
    assert len([name for name in one.files() if name.startswith("train")]) > 3
    assert one.split("test")
    assert one.split("validation")


def test_a_corpus_with_enough_of_each_keeps_the_splits_of_the_hash(clean_corpus, write, tmp_path) -> None:
    rows = "".join(json.dumps({"text": story(number, 12)}) + "\n" for number in range(1500))
    cleaned = clean_corpus(tmp_path, "jsonl", [write("a.jsonl", rows)], filters=NO_FILTERS.model_dump())
    for split in ("test", "validation"):
        assert {d.id for d in cleaned.split(split)} == by_hash(cleaned, split)
        assert size(cleaned, split) > 16_000


def test_what_the_corpus_brings_and_what_nobody_asks_for_is_left_alone(clean_corpus, write, tmp_path) -> None:
    files = {
        str(write("train.txt", story(0, 400))): "train",
        str(write("test.txt", story(1, 1))): "test",
    }
    cleaned = clean_corpus(tmp_path, "text", files, validation_fraction=0, **WHOLE)
    assert [document.text for document in cleaned.split("test")] == [story(1, 1)]
    assert not cleaned.split("validation")
    assert [document.text for document in cleaned.split("train")] == [story(0, 400)]


def test_a_corpus_too_small_to_share_is_left_whole(clean_corpus, write, tmp_path, caplog) -> None:
    with caplog.at_level(logging.WARNING, "test"):
        cleaned = clean_corpus(tmp_path, "text", [write("book.txt", story(0, 5))], **WHOLE)
    assert [document.text for document in cleaned.documents] == [story(0, 5)]
    assert "no text is held out for test: there is too little of it; bring more" in caplog.messages


def test_ends_are_cut_where_a_reader_would() -> None:
    text = story(0, 100)
    rest, ends = cut_ends(text, {"validation": 0.05, "test": 0.1})
    assert "\n\n".join([rest, ends["validation"], ends["test"]]) == text
    lines = text.replace("\n\n", "\n")
    rest, ends = cut_ends(lines, {"test": 0.1})
    assert f"{rest}\n{ends['test']}" == lines
    assert ends["test"].startswith("Part ")
    words = text.replace("\n\n", " ")
    rest, ends = cut_ends(words, {"test": 0.1})
    assert f"{rest} {ends['test']}" == words
    assert cut_ends("x" * 5000, {"test": 0.1}) == ("x" * 4500, {"test": "x" * 500})
    assert cut_ends(text[:1000], {"test": 0.1}) == (text[:1000], {})


def test_more_than_half_dropped_is_told_with_the_commonest_reasons(
    clean_corpus, write, tmp_path, caplog
) -> None:
    bulleted = "\n".join(f"- item {n} of the list of things" for n in range(20))
    kept, short = [story(n, 1) for n in range(4)], [f"Short {n}." for n in range(5)]
    text = write("a.txt", "\n\n".join([*kept, *short, bulleted, "☃☃☃ " * 100, "☃☃ " * 100, "", story(0, 1)]))
    with caplog.at_level(logging.WARNING, "test"):
        clean_corpus(tmp_path / "most", "text", [text])
    (message,) = [line for line in caplog.messages if line.startswith("more than half")]
    assert "9 of 13 documents" in message
    assert "most as too_short (5, 45 B: clean.filters.min_chars), symbols (2, " in message
    assert "clean.deduplicate" in message or "bullets (1, " in message
    caplog.clear()
    with caplog.at_level(logging.WARNING, "test"):
        clean_corpus(tmp_path / "few", "text", [write("b.txt", "\n\n".join([*kept, *short[:4]]))])
    assert not any("more than half" in line for line in caplog.messages)


def test_pages_of_a_dump_that_are_no_articles_are_no_loss(
    clean_corpus, shared_data, tmp_path: Path, caplog
) -> None:
    dump = shared_data("wikidump/enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2")
    with caplog.at_level(logging.WARNING, "test"):
        cleaned = clean_corpus(tmp_path, "mediawiki", [dump])
    assert cleaned.metrics["dropped_fraction"] > 0.5
    assert not any("more than half" in line for line in caplog.messages)
