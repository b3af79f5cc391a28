"""A file of plain text is one document, unless it is a list of short texts or too large to be one text."""

import logging

import pytest

from data_prep.download import run
from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.stages import DownloadStage
from pipeline.formats.source import Source
from pipeline.formats.text_lists import is_list
from tests.data_prep.cleaning import NO_FILTERS, PROSE

MARKDOWN = "# A page\n\nA short line.\n\n" + "".join(f"## Part {n}\n\n{PROSE}\n\n" for n in range(120))
REVIEWS = "".join(f"Review {n}: {PROSE}\n\n" for n in range(120))
KEEP_ALL = {"filters": NO_FILTERS.model_dump(), "validation_fraction": 0, "test_fraction": 0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MARKDOWN, False),
        (REVIEWS, True),
        (REVIEWS.replace("\n", "\r\n"), True),
        (REVIEWS + "short\n\n" * 6, True),
        (REVIEWS + "short\n\n" * 7, False),  # more than 5%
        (f"{PROSE}\n\n" * 99, False),
        (PROSE * 100, False),
        ("", False),
    ],
)
def test_what_is_a_list_of_short_texts(tmp_path, text, expected) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode())
    assert is_list(tmp_path / "a.txt") == expected


def test_a_text_that_the_first_megabyte_cuts_does_not_count(tmp_path) -> None:
    (tmp_path / "a.txt").write_text(REVIEWS.ljust(999_990, "x") + "\n\nshort" + "\n\n" + "x" * 500)
    assert is_list(tmp_path / "a.txt")


def test_the_download_tells_which_files_are_what(tmp_path, make_context, write, clean_corpus, caplog) -> None:
    files = [write("notes/a.md", MARKDOWN), write("notes/b.md", PROSE), write("notes/reviews.txt", REVIEWS)]
    context = make_context(tmp_path / "artifact")
    with caplog.at_level(logging.INFO, "test"):
        run(DownloadStage(corpus=FilesCorpus(paths=[str(tmp_path / "notes")])), context)
    assert caplog.messages == [
        "2 text files are one document each",
        "1 is a list of short texts, where a blank line ends a document: reviews.txt",
    ]
    assert [file.split_documents for file in Source.load(context.folder).files] == [False, False, True]
    cleaned = clean_corpus(tmp_path / "clean", "text", files[:1], split_documents=False, **KEEP_ALL)
    assert [document.text for document in cleaned.documents] == [MARKDOWN.strip()]


def test_files_without_a_blank_line_to_cut_at_are_told(tmp_path, make_context, write, caplog) -> None:
    sentences = [f"第{n}句话。" for n in range(200)]
    write("notes/lines.txt", "\n".join(sentences) + "\n\n")  # one behind the last text cuts nothing
    write("notes/wide.txt", "\n\u3000\n".join(sentences))
    write("notes/short.txt", "一句话。\n")
    corpus = FilesCorpus(paths=[str(tmp_path / "notes")], split_documents=True)
    with caplog.at_level(logging.INFO, "test"):
        run(DownloadStage(corpus=corpus), make_context(tmp_path / "artifact"))
    assert caplog.messages == [
        "1 text file is one document",
        "2 are lists of short texts, where a blank line ends a document: short.txt, wide.txt",
        "1 text file has no blank line, which is all that corpus.split_documents=true cuts at, and stays one document: "
        "lines.txt. Put blank lines between the texts, or give them as JSON lines with a text each",
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING"]


@pytest.mark.parametrize("sentence", ["我今天去了第{}家书店。", "We went to bookshop {} today."])
def test_a_list_of_sentences_is_told_to_be_one_document(
    tmp_path, make_context, write, caplog, sentence
) -> None:
    """With what makes each line a document. Wrapped prose, and a short list, are not taken for one."""
    write("notes/sentences.txt", "\n".join(sentence.format(n) for n in range(1200)))
    write("notes/few.txt", "\n".join(sentence.format(n) for n in range(900)))
    write("notes/wrapped.txt", "\n".join(["the boats came in and nobody had", "slept. The pier was"] * 1000))
    write("notes/paragraphs.txt", "\n\n".join(sentence.format(n) for n in range(1200)))
    corpus = FilesCorpus(paths=[str(tmp_path / "notes")])
    with caplog.at_level(logging.INFO, "test"):
        run(DownloadStage(corpus=corpus), make_context(tmp_path / "artifact"))
    assert caplog.messages == [
        "4 text files are one document each",
        "sentences.txt: about a sentence a line without blank lines, all of it one document. If each line is a text of "
        "its own, put blank lines between them and set corpus.split_documents=true, or give them as JSON lines with a "
        "text each",
    ]


def test_a_file_too_large_for_one_text_is_cut_at_blank_lines_alone(tmp_path, write, clean_corpus) -> None:
    book = MARKDOWN * 520
    path = write("large.txt", book)
    assert path.stat().st_size > 16_000_000
    options = {"split_documents": False, "piece_mb": 4, "deduplicate": {"documents": "none"}, **KEEP_ALL}
    one = clean_corpus(tmp_path / "one", "text", [path], **options)
    two = clean_corpus(tmp_path / "two", "text", [path], workers=2, **options)
    assert one.files() == two.files()
    texts = [document.text for document in one.documents]
    assert "\n\n".join(texts) == book.strip()
    assert all(abs(len(text) - 1_000_000) < 1_000 for text in texts[:-1])
