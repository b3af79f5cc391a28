"""The embedded corpus: what Python and the installed packages say about themselves."""

import importlib.util
import platform
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from itertools import chain
from pathlib import Path

from data_prep.parallel.pool import ordered_map
from data_prep.sources.docstring_questions import questions, write_questions
from data_prep.sources.docstrings import Docstring, ModuleDocs, read_module, source_files
from pipeline.config.corpora.python_docs import PythonDocsCorpus, installed_version
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.formats.source import Source, describe_file

DOCUMENTS = "documents"
QUESTIONS = "instruct"
SHARD_MB = 128
WORKERS = 2
"""Processes; the work is a few seconds, and starting more costs what they save."""


def fetch(corpus: PythonDocsCorpus, context: Context) -> Source:
    """Write the documentation of modules and language topics, and questions for instruction tuning.

    Raises:
        UserError: where this Python has no readable sources.
    """
    limit = corpus.max_mb * 1e6 if corpus.max_mb else float("inf")
    documented: list[Docstring] = []
    with DocumentWriter(context.folder / DOCUMENTS, "all", SHARD_MB) as writer:
        for document in chain(_topics(), _modules(corpus.packages, documented, context)):
            writer.write(document)
            if writer.bytes >= limit:
                break
    if not writer.documents:
        raise UserError(
            f"no docstrings found below {sysconfig.get_path('stdlib')}: this Python came without sources. "
            "Choose another corpus"
        )
    counts = write_questions(questions(documented), context.folder / QUESTIONS)
    context.log.info(
        "questions from docstrings: %s for training, %s for validation, %s for the test",
        *(f"{count:,}" for count in counts.values()),
    )
    paths = sorted((context.folder / DOCUMENTS).glob("*.parquet"))
    return Source(
        format="documents",
        name="python_docs",
        files=tuple(describe_file(path, context.folder) for path in paths),
        license="PSF-2.0 for Python, each package's own for the others",
        attribution=_attribution(corpus.packages),
        url="https://docs.python.org",
        date=platform.python_version(),
    )


def _modules(packages: list[str], documented: list[Docstring], context: Context) -> Iterator[Document]:
    """Documents of all modules; adds what they document to `documented`."""
    stdlib = source_files(Path(sysconfig.get_path("stdlib")), None)
    files = dict(chain(stdlib, *map(_package_files, packages)))
    with (
        closing(ordered_map(_read, files.items(), WORKERS)) as modules,
        context.progress("docstrings", len(files), "modules") as bar,
    ):
        for module in modules:
            bar.advance()
            if module is None:
                continue
            package = module.name.partition(".")[0]
            for name, text in module.documents():
                yield Document(id=name, text=text, title=module.name, source=package)
            documented.extend(module.members)


def _read(named: tuple[str, Path]) -> ModuleDocs | None:
    return read_module(*named)


def _topics() -> Iterator[Document]:
    """The language reference, as `help()` shows it; some distributions of Python leave it out."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    for name, text in sorted(topics.items()):
        yield Document(id=f"topic:{name}", text=text.strip(), title=name, source="language reference")


def _package_files(name: str) -> list[tuple[str, Path]]:
    """Modules of an installed package or, by a dotted name, of a part of it; none where it is absent."""
    package, *inside = name.split(".")
    spec = importlib.util.find_spec(package)  # of a top-level name this imports nothing
    roots = spec.submodule_search_locations if spec and spec.submodule_search_locations else ()
    return [file for root in roots for file in source_files(Path(root, *inside), name)]


def _attribution(packages: list[str]) -> str:
    authors = [f"Python {platform.python_version()} (PSF-2.0)"]
    for package in dict.fromkeys(name.partition(".")[0] for name in packages):
        if version := installed_version(package):
            authors.append(f"{package} {version} ({_license(package)})")
    return "Documentation of " + ", ".join(authors)


def _license(package: str) -> str:
    facts = metadata.metadata(package)
    expression, text = ((facts.get_all(field) or [""])[0] for field in ("License-Expression", "License"))
    stated = expression or text.strip().partition("\n")[0]
    classified = [c.rpartition(" :: ")[2] for c in facts.get_all("Classifier", []) if c.startswith("License")]
    return stated or ", ".join(classified) or "see the package"
