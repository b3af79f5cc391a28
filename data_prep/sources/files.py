"""A corpus of files: local ones are used in place, those in a store copied into the artifact."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from data_prep.mediawiki.dump import read_site
from data_prep.mediawiki.site import WIKIMEDIA, WIKIMEDIA_LICENSE
from data_prep.reading.encodings import refuse_other_encodings
from data_prep.reading.text_documents import describe_text_files, splits_at_blank_lines
from pipeline.config.corpora.files import FilesCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.folders import expand_paths
from pipeline.formats.gzipped import open_content
from pipeline.formats.parquet_files import reading
from pipeline.formats.source import Format, Source, describe_file
from pipeline.preflight import Known
from pipeline.remote.copying import copy_objects
from pipeline.remote.listing import StoredObject, is_remote, list_objects
from pipeline.text.counts import counted

ENDINGS: dict[str, Format] = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
    ".xml": "mediawiki",
    ".xml.bz2": "mediawiki",
    ".xml.gz": "mediawiki",
}


COPIES = "files"
"""Folder of the artifact."""


def fetch(corpus: FilesCorpus, context: Context) -> Source:
    """Record the files that `corpus.paths` names, those in a store after copying them.

    Raises:
        UserError: where a path names nothing, the formats are mixed or unknown, all files are empty, a text file is
            not UTF-8, or a Parquet or JSON lines file has no text field; where a store cannot be reached or refuses.
    """
    local = expand_paths(path for path in corpus.paths if not is_remote(path))
    paths = [path for path in local if not path.name.startswith(".")]
    stored = _stored(corpus.paths)
    filled = [path for path in paths if path.stat().st_size > 0]
    wanted = [each for each in stored if each.size != 0]
    if not filled and not wanted:
        count = len(paths) + len(stored)
        what = counted(count, "file is empty", "files are empty") if count else "no file that is not hidden"
        raise UserError(f"empty corpus: {what} at corpus.paths={corpus.paths}; name files with text")
    if empty := len(paths) + len(stored) - len(filled) - len(wanted):
        context.log.info("%s left out", counted(empty, "empty file is", "empty files are"))
    file_format = corpus.format
    if file_format == "auto":
        file_format = common_format([*map(str, filled), *(each.url for each in wanted)])
    if wanted:
        copies = {context.folder / COPIES / each.place: each for each in wanted}
        copy_objects(copies, context.folder, context.log, context.run.progress)
        filled += copies
    if file_format == "jsonl":
        for path in filled:
            _check_jsonl(path, corpus.text_field)
    elif file_format == "parquet" and not sum(_count_rows(path, corpus.text_field) for path in filled):
        raise UserError(f"empty corpus: the Parquet files of corpus.paths={corpus.paths} have no rows")
    wiki = read_site(filled[0]) if file_format == "mediawiki" else None
    wikimedia = wiki if wiki and WIKIMEDIA.search(wiki.base) else None
    described = [describe_file(path, context.folder) for path in filled]
    if file_format == "text":
        for path in filled:
            refuse_other_encodings(path)
        described = [
            replace(file, split_documents=splits_at_blank_lines(path, corpus.split_documents))
            for path, file in zip(filled, described, strict=True)
        ]
        facts = [
            (path, file.bytes, file.split_documents) for path, file in zip(filled, described, strict=True)
        ]
        for line in describe_text_files(facts):
            context.log.info("%s", line)
    return Source(
        format=file_format,
        name=filled[0].name.partition(".")[0] if len(filled) == 1 else "files",
        files=tuple(described),
        license=WIKIMEDIA_LICENSE if wikimedia else None,
        attribution=f"The contributors of {wikimedia.dbname or wikimedia.name}" if wikimedia else None,
        url=wikimedia.base if wikimedia else None,
        text_field=corpus.text_field,
    )


def foretell(corpus: FilesCorpus, known: Known) -> Iterator[str]:
    """Say what becomes of text files: which are one document, and which are cut into several.

    Raises:
        UserError: where the files are of several formats, or of none that is known; where one is not UTF-8.
    """
    paths = [path for path in known.locate_files(corpus.paths) if not path.name.startswith(".")]
    filled = [path for path in paths if path.stat().st_size]
    file_format = (
        corpus.format if corpus.format != "auto" or not filled else common_format([*map(str, filled)])
    )
    if file_format == "text":
        for path in filled:
            refuse_other_encodings(path)
        sizes = [(path, path.stat().st_size) for path in filled]
        yield from describe_text_files(
            [(path, size, splits_at_blank_lines(path, corpus.split_documents)) for path, size in sizes]
        )


def _stored(paths: Sequence[str]) -> list[StoredObject]:
    """The files in stores that the paths name, but for hidden ones, each once."""
    found = {each.url: each for path in paths if is_remote(path) for each in list_objects(path)}
    return [each for each in found.values() if not each.place.name.startswith(".")]


def common_format(paths: Sequence[str]) -> Format:
    """The one format that all the files' endings stand for.

    Raises:
        UserError: for an unknown ending, or two formats.
    """
    first: dict[Format, str] = {}
    for path in paths:
        ending = next((ending for ending in ENDINGS if path.lower().endswith(ending)), None)
        if ending is None:
            raise UserError(
                f"{path}: no format is known for this ending (known: {', '.join(ENDINGS)}); "
                "rename the file, narrow corpus.paths, or set corpus.format"
            )
        first.setdefault(ENDINGS[ending], path)
    if len(first) > 1:
        examples = ", ".join(f"{path} ({file_format})" for file_format, path in first.items())
        raise UserError(
            f"corpus.paths mixes formats: {examples}; narrow corpus.paths to one, or give each "
            "format a part of its own (corpus=mixture)"
        )
    return next(iter(first))


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


def _check_jsonl(path: Path, text_field: str) -> None:
    """Look at the first record, so that a wrong key is found here and not after hours of reading."""
    try:
        with open_content(path) as file:
            line = next((line for line in file if line.strip()), b"")
        record = json.loads(line)
    except (ValueError, OSError, EOFError, zlib.error, RecursionError) as error:
        raise UserError(f"{path}: its first line is no JSON ({error}); each must hold one object") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: its first line is no JSON object; each must hold one")
    if text_field not in record:
        raise UserError(
            f"{path} has no key {text_field!r}; set corpus.text_field to one of {', '.join(record)}"
        )
