"""Folders of repositories: each source file a document, with its programming language and its licence."""

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from data_prep.reading.readers import shortest_labels
from data_prep.sources.code.contents import LONGEST, decoded, refused_name, refused_text
from data_prep.sources.conversion import DOCUMENTS, FILE_MB
from pipeline.config.corpora.source_code import SourceCodeCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter, document_files
from pipeline.formats.source import Source, describe_file
from pipeline.known import Known
from pipeline.packages import check_packages
from pipeline.text.counts import counted
from pipeline.text.enumeration import enumerated

if TYPE_CHECKING:
    from data_prep.sources.code.licenses import FileLicenses

NAME = "source_code"
UNKNOWN = "unknown"
_PACKAGES = ("identify", "ukkonen", "license_expression")
"""Imported where they are used, since not everybody has them."""
_NAMED = 3


class CodeFile(NamedTuple):
    path: Path
    id: str
    language: str


class LeftOut:
    """Files that are not read, by the reason."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = defaultdict(list)

    def add(self, reason: str, name: str) -> None:
        self._names[reason].append(name)

    def __str__(self) -> str:
        """How many for which reason, and the first of them by name; empty where there are none."""
        told = [
            f"{len(names):,} {reason} ({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})"
            for reason, names in sorted(self._names.items(), key=lambda item: (-len(item[1]), item[0]))
        ]
        count = sum(map(len, self._names.values()))
        return f"{enumerated(told)} {'is' if count == 1 else 'are'} left out" if told else ""


def fetch(corpus: SourceCodeCorpus, context: Context) -> Source:
    """Write the source files as documents.

    Raises:
        UserError: where a path names nothing, or no file is left.
    """
    from data_prep.sources.code.licenses import FileLicenses

    files, left_out = context.locate_files(corpus.paths), LeftOut()
    chosen, licenses = _choose(files, corpus, left_out), FileLicenses(files)
    counts, kinds = Counter[str](), Counter[str]()
    folder = context.folder / DOCUMENTS
    shutil.rmtree(folder, ignore_errors=True)  # a killed attempt may have left more files than this one
    with (
        DocumentWriter(folder, "all", FILE_MB) as writer,
        context.progress("reading", len(chosen), "files") as bar,
    ):
        for file in chosen:
            document = _document(file, corpus, licenses)
            if isinstance(document, Document):
                writer.write(document)
                counts[file.language] += 1
                kinds[document.meta["license"]] += 1
            else:
                left_out.add(document, file.id)
            bar.advance()
    if not counts:
        raise UserError(
            f"empty corpus: of {counted(len(chosen), 'source file')} at corpus.paths={corpus.paths} none is left: "
            f"{left_out}"
        )
    for words in filter(None, (_told(counts), str(left_out))):
        context.log.info("%s", words)
    described = tuple(describe_file(path, context.folder) for path in document_files(folder, "all"))
    told = ", ".join(f"{license} ({counted(count, 'file')})" for license, count in kinds.most_common())
    return Source("documents", NAME, described, license=told)


def _document(file: CodeFile, corpus: SourceCodeCorpus, licenses: "FileLicenses") -> Document | str:
    """The file's document, or the reason why it is left out."""
    from data_prep.sources.code.licenses import allows

    if file.path.stat().st_size > LONGEST:
        return "too long"
    text = decoded(file.path.read_bytes())
    if text is None:
        return "binary or not UTF-8"
    if reason := refused_text(text, corpus):
        return reason
    license = licenses.of(file.path, text)
    if corpus.licenses is not None:
        if license is None:
            return "of unknown licence"
        if not allows(license, corpus.licenses):
            return "of other licences"
    meta = {"programming_language": file.language, "license": license or UNKNOWN}
    return Document(file.id, text, source=NAME, meta=meta)


def foretell(corpus: SourceCodeCorpus, known: Known) -> Iterator[str]:
    """Say how many files of which languages there are, and which are left out by their names.

    Raises:
        UserError: where a language or licence is none that is known, no file is in a language that is asked for, or
            packages are not installed.
    """
    check_packages("corpus=source_code", _PACKAGES, "code")
    left_out = LeftOut()
    chosen = _choose(list(known.locate_files(corpus.paths)), corpus, left_out)
    yield _told(Counter(file.language for file in chosen))
    if words := str(left_out):
        yield words


def _told(counts: Counter[str]) -> str:
    languages = [f"{count:,} {language}" for language, count in counts.most_common()]
    return f"{enumerated(languages)}: each file is one document"


def _choose(files: Sequence[Path], corpus: SourceCodeCorpus, left_out: LeftOut) -> list[CodeFile]:
    """The files of code, or of the languages that are asked for; what lies beside them is not counted.

    A file's id is its place below the folder that the user names, that folder in front, so that it stays when other
    files come or go.
    """
    from data_prep.sources.code.languages import check_languages, language_of
    from data_prep.sources.code.licenses import check_licenses

    check_languages(corpus.languages or ())
    check_licenses(corpus.licenses or ())
    roots = [path for name in corpus.paths if (path := Path(name).expanduser()).is_dir()]
    labels = dict(zip(roots, shortest_labels([str(root.absolute()) for root in roots]), strict=True))
    chosen: list[CodeFile] = []
    others = Counter[str]()
    present = {os.path.realpath(path) for path in files if not path.is_symlink()}
    for path in files:
        root = next((root for root in roots if path.is_relative_to(root)), path.parent)
        below = path.relative_to(root)
        id = str(PurePath(labels.get(root, root.name)) / below)
        language = language_of(path, corpus.languages)
        if language is None:
            others[path.suffix.lower() or "without an ending"] += 1
        elif path.is_symlink() and os.path.realpath(path) in present:
            left_out.add("linked", id)
        elif reason := refused_name(below):
            left_out.add(reason, id)
        else:
            chosen.append(CodeFile(path, id, language))
    if not chosen:
        what = f"in {', '.join(corpus.languages)}" if corpus.languages else "of source code"
        found = enumerated([f"{count:,} {ending}" for ending, count in others.most_common(_NAMED)])
        raise UserError(
            f"no file {what} at corpus.paths={corpus.paths}{f'; there are {found}' if found else ''}"
            f"{f'; {left_out}' if str(left_out) else ''}; check corpus.paths and corpus.languages"
        )
    return chosen
