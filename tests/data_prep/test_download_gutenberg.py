"""Books of Project Gutenberg from a mirror on this machine, and from files."""

import pytest

from data_prep.sources import gutenberg
from data_prep.text.gutenberg import read_book
from pipeline.config.corpora.gutenberg import GutenbergCorpus
from pipeline.errors import UserError
from pipeline.formats.documents import read_documents
from tests.data_prep.dump_mirror import Mirror, serving

STORY = (
    "CHAPTER I\n\nIt was a fine morning, and nobody had END OF anything in mind.\n\nCHAPTER II\n\nIt rained."
)
NEW = f"""The Project Gutenberg eBook of A Fine Morning

This eBook is for the use of anyone anywhere in the United States.

Title: A Fine Morning,
        and What Came After

Author: Nobody

*** START OF THE PROJECT GUTENBERG EBOOK A FINE MORNING,
AND WHAT CAME AFTER ***

Produced by Somebody and
the Team

{STORY}

*** END OF THE PROJECT GUTENBERG EBOOK A FINE MORNING ***

Updated editions will replace the previous one.
"""
OLD = f"""Project Gutenberg Etext of Ein Morgen

Title: Ein Morgen
Character set encoding: ISO-8859-1

*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*

{STORY} Früh.

End of the Project Gutenberg Etext of Ein Morgen
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_stands_around_a_book_is_taken_off(ends: str) -> None:
    new = ("\ufeff" + NEW).replace("\n", ends).encode()
    assert read_book(new) == ("A Fine Morning, and What Came After", STORY + "\n")
    assert read_book(OLD.encode("latin-1")) == ("Ein Morgen", f"{STORY} Früh.\n")
    assert read_book(b"Just a text.") == ("", "Just a text.\n")


def test_books_are_fetched_and_those_that_are_here_are_read(
    make_context, write, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    local = write("here/old.txt", OLD.encode("latin-1"))
    with serving(Mirror()) as mirror:
        address = "/cache/epub/84/pg84.txt"
        mirror.files[address] = NEW.encode()
        mirror.break_after[address] = [100]
        corpus = GutenbergCorpus(books=[84], paths=[str(local)], mirror=mirror.url)
        gutenberg.fetch(corpus, make_context(tmp_path / "out"), first_pause=0.01)
        assert len(mirror.ranges(address)) == 2, "it goes on where the connection broke"
        wrong = GutenbergCorpus(books=[85], mirror=mirror.url)
        with pytest.raises(UserError, match=r"/cache/epub/85/pg85\.txt does not exist$"):
            gutenberg.fetch(wrong, make_context(tmp_path / "wrong"), first_pause=0.01)
    assert [(book.id, book.title) for book in read_documents(tmp_path / "out/documents", "all")] == [
        ("pg84", "A Fine Morning, and What Came After"),
        ("old", "Ein Morgen"),
    ]
    assert not (tmp_path / "out" / "fetched").exists()
