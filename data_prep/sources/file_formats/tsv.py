"""Tables of cells between tabs, with a header and without quotes."""

from collections.abc import Iterator
from pathlib import Path

from data_prep.reading.row_text import row_texts
from pipeline.config.corpora.files import FilesCorpus

ENDINGS = (".tsv", ".tsv.gz", ".tsv.zst")
ONE_DOCUMENT = False


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Of each row."""
    return row_texts(path, corpus.text_field, ".tsv")
