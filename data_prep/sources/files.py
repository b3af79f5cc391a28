"""A corpus of files: local ones are used in place, those in a store copied into the artifact; formats that the clean
stage does not read become documents there."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from data_prep.reading.text_documents import describe_text_files, splits_at_blank_lines, without_blank_lines
from data_prep.sources.chosen_files import choose_files
from data_prep.sources.conversion import convert
from data_prep.sources.file_formats import ReadInPlace, file_format
from pipeline.config.corpora.files import FilesCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.encodings import refuse_other_encodings
from pipeline.formats.folders import expand_paths
from pipeline.formats.source import Format, Source, describe_file
from pipeline.known import Known, Warned
from pipeline.remote.copying import copy_objects
from pipeline.remote.listing import StoredObject, is_remote, list_objects
from pipeline.text.counts import counted
from pipeline.text.enumeration import enumerated

COPIES = "files"
"""Folder of the artifact."""
WITHOUT_ENCODING = ("text", "jsonl", "json", "csv", "tsv")
"""Formats whose files do not say which encoding they are in."""
MOST_NAMED = 3
"""Paths by which a corpus is called; more are `files`."""


def fetch(corpus: FilesCorpus, context: Context) -> Source:
    """Record the files that `corpus.paths` names, those in a store after copying them, or convert them.

    Raises:
        UserError: where a path names nothing, the formats do not go together or are unknown, all files are empty, a
            text file is not UTF-8, or a file of rows is damaged or has no text field; where a store cannot be reached
            or refuses.
    """
    local = expand_paths(path for path in corpus.paths if not is_remote(path))
    paths = [path for path in local if not path.name.startswith(".")]
    stored = _stored(corpus.paths)
    filled = {str(path): path for path in paths if path.stat().st_size > 0}
    wanted = {each.url: each for each in stored if each.size != 0}
    if not filled and not wanted:
        count = len(paths) + len(stored)
        what = counted(count, "file is empty", "files are empty") if count else "no file that is not hidden"
        raise UserError(f"empty corpus: {what} at corpus.paths={corpus.paths}; name files with text")
    if empty := len(paths) + len(stored) - len(filled) - len(wanted):
        context.log.info("%s left out", counted(empty, "empty file is", "empty files are"))
    chosen = choose_files([*filled, *wanted], corpus)
    if chosen.left_out:
        context.log.info("%s", chosen.left_out)
    copies = {context.folder / COPIES / wanted[name].place: name for name in chosen.formats if name in wanted}
    if copies:
        objects = {path: wanted[name] for path, name in copies.items()}
        copy_objects(objects, context.folder, context.log, context.run.progress)
    formats = {filled[name]: kind for name, kind in chosen.formats.items() if name in filled}
    formats |= {path: chosen.formats[name] for path, name in copies.items()}
    files = list(formats)
    name = files[0].name.partition(".")[0] if len(files) == 1 else _called(corpus.paths)
    module = file_format(chosen.kinds[0])
    if len(chosen.kinds) > 1 or not isinstance(module, ReadInPlace):
        documents = convert(list(formats.items()), corpus, name, context)
        shutil.rmtree(context.folder / COPIES, ignore_errors=True)
        return Source("documents", name, documents)
    described = tuple(describe_file(path, context.folder) for path in files)
    source = Source(cast(Format, chosen.kinds[0]), name, described, text_field=corpus.text_field)
    return module.describe(source, files, corpus, context.log)


def foretell(corpus: FilesCorpus, known: Known) -> Iterator[str]:
    """Say which files are left out, and what becomes of text files: which are one document, and which are cut into
    several.

    Raises:
        UserError: where the files are of formats that do not go together, or of none that is known; where one is not
            UTF-8.
    """
    paths = [path for path in known.locate_files(corpus.paths) if not path.name.startswith(".")]
    filled = {str(path): path for path in paths if path.stat().st_size}
    if not filled:
        return
    chosen = choose_files(list(filled), corpus)
    if chosen.left_out:
        yield chosen.left_out
    if documents := [
        kind for kind in chosen.formats.values() if kind != "text" and file_format(kind).ONE_DOCUMENT
    ]:
        kinds = [f"{count:,} {kind}" for kind, count in sorted(Counter(documents).items())]
        yield f"{', '.join(kinds)}: each file is one document"
    refuse_other_encodings(
        *(filled[name] for name, kind in chosen.formats.items() if kind in WITHOUT_ENCODING)
    )
    texts = [filled[name] for name, kind in chosen.formats.items() if kind == "text"]
    facts = [
        (path, path.stat().st_size, splits_at_blank_lines(path, corpus.split_documents)) for path in texts
    ]
    yield from describe_text_files(facts)
    if uncut := without_blank_lines((path, splits) for path, _, splits in facts):
        yield Warned(uncut)


def _called(paths: Sequence[str]) -> str:
    """What to call a corpus of these paths: by the names of their folders and files, without where these are."""
    names: dict[str, None] = {}
    for path in paths:
        fixed = re.split(r"[*?\[]", path)[0]
        place = Path(fixed if fixed == path else fixed.rpartition("/")[0])
        names[place.name if place.expanduser().is_dir() else place.name.partition(".")[0]] = None
    return enumerated(list(names)) if all(names) and len(names) <= MOST_NAMED else "files"


def _stored(paths: Sequence[str]) -> list[StoredObject]:
    """The files in stores that the paths name, but for hidden ones, each once."""
    found = {each.url: each for path in paths if is_remote(path) for each in list_objects(path)}
    return [each for each in found.values() if not each.place.name.startswith(".")]
