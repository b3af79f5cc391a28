"""Plain text: a file is one document, or a list of short ones."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data_prep.reading.encodings import refuse_other_encodings
from data_prep.reading.text_documents import describe_text_files, splits_at_blank_lines
from pipeline.config.corpora.files import FilesCorpus
from pipeline.formats.source import Source

ENDINGS = (".txt", ".text", ".md")


def describe(source: Source, paths: Sequence[Path], corpus: FilesCorpus, log: logging.Logger) -> Source:
    """With the word for each file whether blank lines end documents in it."""
    for path in paths:
        refuse_other_encodings(path)
    files = tuple(
        replace(file, split_documents=splits_at_blank_lines(path, corpus.split_documents))
        for path, file in zip(paths, source.files, strict=True)
    )
    facts = [(path, file.bytes, file.split_documents) for path, file in zip(paths, files, strict=True)]
    for line in describe_text_files(facts):
        log.info("%s", line)
    return replace(source, files=files)
