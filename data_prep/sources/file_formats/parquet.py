"""Parquet files with a column of text."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.config.corpora.files import FilesCorpus
from pipeline.errors import UserError
from pipeline.formats.parquet_files import reading
from pipeline.formats.source import Source

ENDINGS = (".parquet",)
ONE_DOCUMENT = False


def describe(source: Source, paths: Sequence[Path], corpus: FilesCorpus, log: logging.Logger) -> Source:
    """The source as it is, when all files have the column."""
    if not sum(_count_rows(path, corpus.text_field) for path in paths):
        raise UserError(f"empty corpus: the Parquet files of corpus.paths={corpus.paths} have no rows")
    return source


def _count_rows(path: Path, text_field: str) -> int:
    """Rows of a Parquet file that has the text column."""
    with reading(path):
        metadata = pq.read_metadata(path)
        columns = metadata.schema.to_arrow_schema().names
    if text_field not in columns:
        raise UserError(
            f"{path} has no column {text_field!r}; set corpus.text_field to one of {', '.join(columns)}"
        )
    return metadata.num_rows
