"""Plain text: a file is one document, or a list of short ones."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from data_prep.reading.pieces import plan_pieces
from data_prep.reading.readers import CorpusReader
from data_prep.reading.text_documents import describe_text_files, splits_at_blank_lines, without_blank_lines
from pipeline.config.corpora.files import FilesCorpus
from pipeline.formats.encodings import refuse_other_encodings
from pipeline.formats.source import Source, SourceFile

ENDINGS = (".txt", ".text", ".md")
ONE_DOCUMENT = True
PIECE_BYTES = 32_000_000
"""What is looked at a time; the documents are the same for any."""


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """The documents as the clean stage would read them, where there are files of other formats besides."""
    refuse_other_encodings(path)
    splits = splits_at_blank_lines(path, corpus.split_documents)
    file = SourceFile(str(path.absolute()), path.stat().st_size, "", split_documents=splits)
    source, folder = Source("text", path.stem, (file,)), path.parent
    reader = CorpusReader(source, folder, max_page=0)
    for piece in plan_pieces({"": (source, folder)}, PIECE_BYTES):
        for record in reader.read_piece(piece, lambda *damage: None):  # which is told of dumps only
            yield record.title, record.text


def describe(source: Source, paths: Sequence[Path], corpus: FilesCorpus, log: logging.Logger) -> Source:
    """With the word for each file whether blank lines end documents in it."""
    refuse_other_encodings(*paths)
    files = tuple(
        replace(file, split_documents=splits_at_blank_lines(path, corpus.split_documents))
        for path, file in zip(paths, source.files, strict=True)
    )
    facts = [(path, file.bytes, file.split_documents) for path, file in zip(paths, files, strict=True)]
    for line in describe_text_files(facts):
        log.info("%s", line)
    if uncut := without_blank_lines(
        (path, file.split_documents) for path, file in zip(paths, files, strict=True)
    ):
        log.warning("%s", uncut)
    return replace(source, files=files)
