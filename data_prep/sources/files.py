"""A corpus of local files, used in place."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config.data import FilesCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.fingerprint import expand_paths
from pipeline.source import Format, Source, describe_file

ENDINGS: dict[str, Format] = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
    ".xml": "mediawiki",
    ".xml.bz2": "mediawiki",
}


def fetch(corpus: FilesCorpus, context: Context) -> Source:
    """Record the files that `corpus.paths` names.

    Raises:
        UserError: where a path names nothing, the formats are mixed or unknown, all files are empty, or a
            Parquet or JSON lines file has no text field.
    """
    paths = [path for path in expand_paths(corpus.paths) if not path.name.startswith(".")]
    filled = [path for path in paths if path.stat().st_size > 0]
    if not filled:
        raise UserError(f"empty corpus: all {len(paths)} files of corpus.paths={corpus.paths} are empty")
    if len(filled) < len(paths):
        context.log.info("%d empty files are left out", len(paths) - len(filled))
    file_format = corpus.format if corpus.format != "auto" else common_format(filled)
    if file_format == "jsonl":
        for path in filled:
            _check_jsonl(path, corpus.text_field)
    elif file_format == "parquet" and not sum(_count_rows(path, corpus.text_field) for path in filled):
        raise UserError(f"empty corpus: the Parquet files of corpus.paths={corpus.paths} have no rows")
    return Source(
        format=file_format,
        name=filled[0].name.partition(".")[0] if len(filled) == 1 else "files",
        files=tuple(describe_file(path, context.folder) for path in filled),
        text_field=corpus.text_field,
        split_documents=corpus.split_documents,
    )


def common_format(paths: list[Path]) -> Format:
    """The one format that all the files' endings stand for.

    Raises:
        UserError: for an unknown ending, or two formats.
    """
    first: dict[Format, Path] = {}
    for path in paths:
        ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)
        if ending is None:
            raise UserError(
                f"{path}: no format is known for this ending (known: {', '.join(ENDINGS)}); "
                "rename the file, narrow corpus.paths, or set corpus.format"
            )
        first.setdefault(ENDINGS[ending], path)
    if len(first) > 1:
        examples = ", ".join(f"{path} ({file_format})" for file_format, path in first.items())
        raise UserError(f"corpus.paths mixes formats: {examples}; give one format per run")
    return next(iter(first))


def _count_rows(path: Path, text_field: str) -> int:
    """Rows of a Parquet file that has the text column."""
    try:
        metadata = pq.read_metadata(path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is no Parquet file, or is damaged: {error}") from None
    columns = metadata.schema.to_arrow_schema().names
    if text_field not in columns:
        raise UserError(
            f"{path} has no column {text_field!r}; set corpus.text_field to one of {', '.join(columns)}"
        )
    return metadata.num_rows


def _check_jsonl(path: Path, text_field: str) -> None:
    """Look at the first record, so that a wrong key is found here and not after hours of reading."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            line = next((line for line in file if line.strip()), b"")
        record = json.loads(line)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: its first line is no JSON ({error}); each must hold one object") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: its first line is no JSON object; each must hold one")
    if text_field not in record:
        raise UserError(
            f"{path} has no key {text_field!r}; set corpus.text_field to one of {', '.join(record)}"
        )
