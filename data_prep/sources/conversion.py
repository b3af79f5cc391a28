"""Files of other formats, as files of documents in the download artifact."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from data_prep.reading.readers import shortest_labels
from data_prep.sources.file_formats import Converted, WithCompanions, file_format
from pipeline.config.corpora.files import FilesCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter, document_files
from pipeline.formats.source import SourceFile, Split, describe_file
from pipeline.text.counts import counted

DOCUMENTS = "documents"
"""Folder of the artifact."""
FILE_MB = 256
_NAMED = 5


def convert(
    files: Sequence[tuple[Path, str]], corpus: FilesCorpus, name: str, context: Context
) -> tuple[SourceFile, ...]:
    """Write the documents of all files, in their order, each split by itself.

    A document's id is the file's name, as far as it takes to tell it from the others, and its number in it.

    Args:
        files: each with the name of its format, which is a converted one.
        name: of the corpus, which becomes the documents' source.

    Raises:
        UserError: where a file is damaged or has no text field, or none has any text.
    """
    folder = context.folder / DOCUMENTS
    shutil.rmtree(folder, ignore_errors=True)  # a killed attempt may have left more files than this one
    labels = dict(zip(files, shortest_labels([str(path) for path, _ in files]), strict=True))
    described: list[SourceFile] = []
    report = _Report()
    with context.progress("reading", len(files), "files", items="documents") as bar:
        for split, group in _by_split(files):
            prefix = split or "all"
            with DocumentWriter(folder, prefix, FILE_MB) as writer:
                for path, kind in group:
                    number = -1
                    for number, (title, text) in enumerate(report.texts(path, kind, corpus)):
                        writer.write(Document(f"{labels[path, kind]}:{number}", text, title, name))
                    bar.advance(1, number + 1)
            described += (
                describe_file(path, context.folder, split) for path in document_files(folder, prefix)
            )
    report.tell(corpus, context)
    if not described:
        raise UserError(f"empty corpus: the files of corpus.paths={corpus.paths} hold no text")
    return tuple(described)


def _by_split(
    files: Sequence[tuple[Path, str]],
) -> Iterator[tuple[Split | None, Iterator[tuple[Path, str]]]]:
    def split(file: tuple[Path, str]) -> Split | None:
        path, kind = file
        module = file_format(kind)
        return module.split(path) if isinstance(module, WithCompanions) else None

    return groupby(sorted(files, key=lambda file: split(file) or ""), split)


class _Report:
    """Reads files, and remembers those that are no documents."""

    def __init__(self) -> None:
        self._damaged: list[str] = []
        self._empty: list[Path] = []

    def texts(self, path: Path, kind: str, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
        """Its documents, but for those without text.

        Raises:
            UserError: where it is a file of rows, and damaged.
        """
        module = file_format(kind)
        assert isinstance(module, Converted)
        found = False
        try:
            for title, text in module.texts(path, corpus):
                if text.strip():
                    found = True
                    yield title, text
        except UserError as error:
            if not module.ONE_DOCUMENT:
                raise
            self._damaged.append(str(error))
        else:
            if not found:
                self._empty.append(path)

    def tell(self, corpus: FilesCorpus, context: Context) -> None:
        """Raises: UserError: where files are damaged, and `corpus.damage=fail`."""
        if self._empty:
            what = counted(len(self._empty), "file holds no text", "files hold no text")
            context.log.info("%s: %s", what, _first([path.name for path in self._empty]))
        if not self._damaged:
            return
        what = f"{counted(len(self._damaged), 'file')} cannot be read: {_first(self._damaged)}"
        if corpus.damage == "fail":
            raise UserError(
                f"{what}. Get them again, narrow corpus.paths, or leave them out: corpus.damage=skip"
            )
        context.log.warning("left out: %s", what)


def _first(words: Sequence[str]) -> str:
    return "; ".join(words[:_NAMED]) + ("; …" if len(words) > _NAMED else "")
