"""Tables of cells between commas, with a header; quotes stand around cells that hold commas, quotes or line ends."""

from collections.abc import Iterator
from pathlib import Path

from data_prep.reading.row_text import row_texts
from pipeline.config.corpora.files import FilesCorpus

ENDINGS = (".csv", ".csv.gz", ".csv.zst")
ONE_DOCUMENT = False


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Of each row."""
    return row_texts(path, corpus.text_field, ".csv")
