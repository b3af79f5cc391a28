"""Formats, and input that is empty, huge, damaged or of another shape."""

import gzip
import json
import re
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.cleaning.document_processor import DocumentProcessor, Outcome
from data_prep.reading.pieces import plan_pieces
from data_prep.reading.readers import Record
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.formats.source import load_parts
from tests.data_prep.cleaning import PROSE
from tests.data_prep.dump_files import dump

ENWIKI = "wikidump/enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"
ROWS = [{"title": f"Story {n}", "text": f"{PROSE} Day {n}, and {n * n} fish.", "n": n} for n in range(20)]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)
NO_SPLITS = {"validation_fraction": 0, "test_fraction": 0}


def test_jsonl_plain_and_compressed(clean_corpus, write, tmp_path) -> None:
    plain = clean_corpus(tmp_path / "1", "jsonl", [write("a.jsonl", JSONL + "\n")], **NO_SPLITS)
    packed = clean_corpus(
        tmp_path / "2", "jsonl", [write("A.JSONL.GZ", gzip.compress(JSONL.encode()))], **NO_SPLITS
    )
    assert [(d.title, d.text) for d in plain.documents] == [(row["title"], row["text"]) for row in ROWS]
    assert [d.text for d in packed.documents] == [d.text for d in plain.documents]
    position = len("".join(json.dumps(row) + "\n" for row in ROWS[:3]))
    assert plain.documents[3].id == f"a.jsonl:{position}"


def test_parquet(clean_corpus, tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([{"body": row["text"], "n": row["n"]} for row in ROWS]), path)
    cleaned = clean_corpus(tmp_path, "parquet", [path], source={"text_field": "body"}, **NO_SPLITS)
    assert [document.text for document in cleaned.documents] == [row["text"] for row in ROWS]


def test_documents_keep_what_they_say_of_themselves(clean_corpus, tmp_path) -> None:
    document = Document("docs:os.path", PROSE + " " + PROSE, "os.path", "python", {"version": "3.11"})
    with DocumentWriter(tmp_path, "all", shard_mb=1) as writer:
        writer.write(document)
    cleaned = clean_corpus(tmp_path, "documents", [tmp_path / "all-00000.parquet"], **NO_SPLITS)
    assert cleaned.documents == [
        replace(document, meta={"version": "3.11", "language": "en", "kind": "stub"})
    ]


def test_a_file_may_be_one_document(clean_corpus, write, tmp_path) -> None:
    book = write("book.txt", f"{PROSE}\n\n{PROSE} Again.\n")
    cleaned = clean_corpus(tmp_path, "text", [book], split_documents=False, **NO_SPLITS)
    assert [document.text for document in cleaned.documents] == [f"{PROSE}\n\n{PROSE} Again."]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "cut', r"a\.jsonl, line 21: this is no JSON \(Invalid control character"),
        ('["text"]', r"a\.jsonl, line 21: a list stands where an object must be"),
        ('{"body": "x", "id": 3}', r"line 21: no key 'text'; there is: body, id\. Set corpus\.text_field"),
        ('{"text": ["x"]}', r"line 21: 'text' holds a list, not text"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_line_of_jsonl_is_named(clean_corpus, write, tmp_path, line, message, workers) -> None:
    with pytest.raises(UserError, match=message):
        clean_corpus(tmp_path, "jsonl", [write("a.jsonl", JSONL + line + "\n")], workers=workers)


def test_all_bad_lines_of_jsonl_are_told_at_once(clean_corpus, write, tmp_path) -> None:
    lines = ['{"text": "cut', *JSONL.splitlines(), '["text"]', '{"body": "x"}', *JSONL.splitlines()]
    path = write("a.jsonl", "\n".join(lines) + "\n")
    with pytest.raises(UserError) as raised:
        clean_corpus(tmp_path, "jsonl", [path])
    header, *faults = str(raised.value).splitlines()
    assert header == f"3 faults in {path}:"
    assert [fault.split(":")[0] for fault in faults] == ["  line 1", "  line 22", "  line 23"]


def test_a_cut_gzip_file_and_a_damaged_parquet_file(clean_corpus, write, tmp_path) -> None:
    with pytest.raises(UserError, match=r"a\.jsonl\.gz is cut or damaged"):
        clean_corpus(tmp_path, "jsonl", [write("a.jsonl.gz", gzip.compress(JSONL.encode())[:-20])])
    with pytest.raises(UserError, match=r"a\.parquet is damaged or no Parquet file"):
        clean_corpus(tmp_path, "parquet", [write("a.parquet", b"PAR1 not really PAR1")])


def test_a_file_that_is_gone_is_named(clean_corpus, write, tmp_path) -> None:
    path = write("a.txt", PROSE)
    clean_corpus(tmp_path, "text", [path], filters={"min_chars": 1}, **NO_SPLITS)
    path.rename(tmp_path / "b.txt")
    with pytest.raises(UserError, match=r"a\.txt is gone"):
        plan_pieces(load_parts(tmp_path / "download"), 1_000_000)


@pytest.mark.parametrize("change", ["append", "break", "remove"])
def test_a_file_that_changes_while_it_is_read_leaves_nothing_behind(
    clean_corpus, write, tmp_path, monkeypatch, change
) -> None:
    path, process = write("a.jsonl", JSONL * 2000), DocumentProcessor.process

    def change_it(self: DocumentProcessor, record: Record) -> Outcome:
        if change == "remove":
            path.unlink(missing_ok=True)
        elif path.stat().st_size == len(JSONL) * 2000:
            path.write_text(JSONL * 1999 + ROWS[0]["text"] if change == "break" else JSONL * 2001)
        return process(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(DocumentProcessor, "process", change_it)
        with pytest.raises(UserError, match=r"a\.jsonl (has changed since|is gone)"):
            clean_corpus(tmp_path, "jsonl", [path], max_documents=30, **NO_SPLITS)
    path.write_text(JSONL * 2000)
    assert len(clean_corpus(tmp_path, "jsonl", [path], max_documents=30, **NO_SPLITS).documents) == 20


def test_an_empty_corpus(clean_corpus, write, tmp_path) -> None:
    with pytest.raises(UserError, match=r"empty corpus: no document in .*a\.txt"):
        clean_corpus(tmp_path, "text", [write("a.txt", "\n \n\n")])


def test_nothing_left_shows_the_funnel_and_the_filter_to_loosen(clean_corpus, write, tmp_path) -> None:
    text = write("a.txt", "\n\n".join(["little", "less", "☃☃☃ " * 100]))
    with pytest.raises(UserError) as raised:
        clean_corpus(tmp_path, "text", [text])
    assert re.search(r"read +3 documents", str(raised.value))
    assert re.search(r"dropped: too_short +2 documents", str(raised.value))
    assert str(raised.value).endswith("Loosen clean.filters.min_chars, or set it to null.")


def test_what_was_dropped_is_to_blame_though_something_is_held_out(clean_corpus, write, tmp_path) -> None:
    texts = [f"{PROSE} {'And so on. ' * n}" for n in range(40)]
    test = write("test.txt", "\n\n".join(texts))
    train = write("train.txt", "\n\n".join(text.upper() for text in texts))
    with pytest.raises(UserError, match=r"\nEvery document holds evaluation text"):
        clean_corpus(
            tmp_path,
            "text",
            [train],
            evaluation_files=[str(test)],
            contamination={"action": "drop", "files": [str(test)]},
            test_fraction=0.1,
        )


def test_everything_held_out_is_told_apart(clean_corpus, write, tmp_path) -> None:
    with pytest.raises(UserError, match=r"Lower clean\.validation_fraction"):
        clean_corpus(
            tmp_path, "text", [write("a.txt", PROSE + PROSE)], validation_fraction=0.99, test_fraction=0
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_dump_cut_in_the_middle(clean_corpus, shared_data, write, tmp_path, workers) -> None:
    whole = shared_data(ENWIKI).read_bytes()
    cut = write("enwiki.xml.bz2", whole[: len(whole) // 2])
    with pytest.raises(
        UserError, match=r"enwiki\.xml\.bz2 is cut or damaged in 1 place.*at byte [\d,]+: .* Download"
    ):
        clean_corpus(tmp_path, "mediawiki", [cut], workers=workers)


def test_a_second_file_that_is_no_dump_is_found_before_the_first_is_cleaned(
    clean_corpus, shared_data, write, tmp_path
) -> None:
    with pytest.raises(UserError, match=r"b\.xml is no MediaWiki XML dump"):
        clean_corpus(tmp_path, "mediawiki", [shared_data(ENWIKI), write("b.xml", "<html></html>")])
    assert not list((tmp_path / "clean" / "documents").glob("*"))


def test_invalid_utf8_is_removed_where_it_is_rare_and_dropped_where_it_is_not(
    clean_corpus, write, tmp_path
) -> None:
    rare = (PROSE * 10).encode() + b"\xff."
    latin1 = ("Voilà, c'est déjà l'été à la plage, où l'on a mangé des pâtés. " * 10).encode("latin-1")
    cleaned = clean_corpus(tmp_path, "text", [write("a.txt", rare + b"\n\n" + latin1)], **NO_SPLITS)
    assert cleaned.reasons == {"invalid_utf8": 1}
    assert [document.text for document in cleaned.documents] == [PROSE * 10 + "."]
    assert cleaned.stats["invalid_utf8"] == {"documents": 2, "characters": 1 + 100}


def test_damage_that_goes_away_with_a_citation_drops_no_article(clean_corpus, write, tmp_path) -> None:
    pages = [f"{PROSE}<ref>DAMAGE</ref> {PROSE}", f"{PROSE} DAMAGE {PROSE}"]
    xml = dump(*pages).replace(b"DAMAGE", b"\xe9\xff " * 40)
    cleaned = clean_corpus(tmp_path, "mediawiki", [write("a.xml", xml)], **NO_SPLITS)
    assert cleaned.reasons == {"invalid_utf8": 1}
    assert [document.text for document in cleaned.documents] == [f"{PROSE} {PROSE}"]
    assert cleaned.stats["invalid_utf8"]["documents"] == 2


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_invalid_utf8_in_parquet_is_removed_where_it_is_rare(clean_corpus, tmp_path, kind) -> None:
    broken = pa.array([(PROSE * 10).encode() + b"\xff.", None, PROSE.encode()])
    # As a writer leaves it that calls bytes text without a look at them.
    text = pa.StringArray.from_buffers(3, *broken.buffers()[1:], broken.buffers()[0])
    column = text.dictionary_encode() if pa.types.is_dictionary(kind) else text.cast(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    cleaned = clean_corpus(tmp_path, "parquet", [tmp_path / "a.parquet"], **NO_SPLITS)
    assert [document.text for document in cleaned.documents] == [PROSE * 10 + ".", PROSE]
    assert cleaned.stats["invalid_utf8"] == {"documents": 1, "characters": 1}


def test_text_in_another_encoding_is_to_be_converted(clean_corpus, write, tmp_path) -> None:
    latin1 = ("Voilà, c'est déjà l'été à la plage, où l'on a mangé des pâtés. " * 10).encode("latin-1")
    with pytest.raises(UserError, match=r"\nConvert the files to UTF-8 \(iconv [^)]*\)"):
        clean_corpus(tmp_path, "text", [write("a.txt", latin1)])


def test_a_small_dump_of_stubs_is_told_apart(clean_corpus, write, tmp_path) -> None:
    page = '<page><title>A</title><ns>0</ns><id>1</id><revision><text bytes="9" id="1" /></revision></page>'
    dump = write("a.xml", f'<mediawiki version="0.11">{page}</mediawiki>')
    with pytest.raises(UserError, match=r"\nGive a dump with the texts of its articles"):
        clean_corpus(tmp_path, "mediawiki", [dump])


def test_lone_surrogates_in_json_can_be_written(clean_corpus, write, tmp_path) -> None:
    line = json.dumps({"title": "half \ud83d", "text": PROSE + " \udc00 " + PROSE})
    cleaned = clean_corpus(tmp_path, "jsonl", [write("a.jsonl", line)], **NO_SPLITS)
    assert cleaned.documents[0].title == "half"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_document_of_50_mb(clean_corpus, write, tmp_path, workers) -> None:
    sentences = "".join(f"Sentence {n} of an endless book, told without a break. " for n in range(900_000))
    path = write("big.jsonl", json.dumps({"text": sentences}) + "\n" + JSONL)
    cleaned = clean_corpus(tmp_path, "jsonl", [path], workers=workers, **NO_SPLITS)
    assert len(sentences) > 50_000_000
    assert cleaned.documents[0].text == sentences.strip()
    assert cleaned.metrics["documents"] == 21
