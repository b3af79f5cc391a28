"""JSON: a list of objects, or an object on each line."""

from collections.abc import Iterator
from pathlib import Path

from data_prep.reading.row_text import row_texts
from pipeline.config.corpora.files import FilesCorpus

ENDINGS = (".json", ".json.gz", ".json.zst")
ONE_DOCUMENT = False


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Of each object; a list is held in memory as a whole."""
    return row_texts(path, corpus.text_field, ".json")
