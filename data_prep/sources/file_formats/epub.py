"""Books: the chapters in the order in which they are read, as one document."""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from data_prep.sources.zipped import Members, opening, tag
from data_prep.text.html_text import html_text
from pipeline.config.corpora.files import FilesCorpus

ENDINGS = (".epub",)
ONE_DOCUMENT = True
PACKAGES = ("defusedxml", "lxml")
_CONTAINER = "META-INF/container.xml"


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Title and text of the book."""
    with opening(path) as members:
        title, chapters = _package(members)
        written = [html_text(members.read(name))[1] for name in chapters]
    yield title, "\n\n".join(filter(None, written))


def _package(members: Members) -> tuple[str, list[str]]:
    """The title, and the names of the chapters' files (EPUB 3.3, section 5)."""
    roots = [each.get("full-path") for each in members.xml(_CONTAINER).iter() if tag(each) == "rootfile"]
    name = roots[0] if roots else None
    if name is None:
        raise KeyError("it names no package")
    package = members.xml(name)
    files = {
        each.get("id"): posixpath.normpath(
            posixpath.join(posixpath.dirname(name), unquote(each.get("href", "")))
        )
        for each in package.iter()
        if tag(each) == "item" and "html" in each.get("media-type", "")
    }
    order = [
        each.get("idref") for each in package.iter() if tag(each) == "itemref" and each.get("linear") != "no"
    ]
    title = next((each.text for each in package.iter() if tag(each) == "title" and each.text), "")
    return " ".join(title.split()), [files[each] for each in order if each in files]
