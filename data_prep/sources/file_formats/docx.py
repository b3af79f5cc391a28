"""Documents of Word: paragraphs, and tables with a line for each row."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from data_prep.sources.zipped import Members, opening, tag
from pipeline.config.corpora.files import FilesCorpus

ENDINGS = (".docx",)
ONE_DOCUMENT = True
PACKAGES = ("defusedxml",)
_BODY, _PROPERTIES = "word/document.xml", "docProps/core.xml"
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_LEFT_OUT = ("Fallback", "moveFrom", "del", "pPr", "rPr")
"""What stands there twice, was deleted, or is a property."""


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Title and text: the body with text boxes, without headers, footers and notes."""
    with opening(path) as members:
        title, blocks = _title(members), list(_blocks(members.xml(_BODY)))
    yield title, "\n\n".join(blocks)


def _title(members: Members) -> str:
    try:
        properties = members.xml(_PROPERTIES)
    except KeyError:  # not every program writes them
        return ""
    return next((" ".join((each.text or "").split()) for each in properties if tag(each) == "title"), "")


def _blocks(parent: Element) -> Iterator[str]:
    for child in parent:
        kind = tag(child)
        if kind == "p":
            if text := _inline(child).strip():
                yield text
        elif kind == "tbl":
            if rows := [row for each in child if tag(each) == "tr" and (row := _row(each))]:
                yield "\n".join(rows)
        elif kind not in _LEFT_OUT:
            yield from _blocks(child)


def _row(row: Element) -> str:
    """The cells with ` | ` between them, as tables of wikis become text."""
    cells = [" ".join(" ".join(_blocks(cell)).split()) for cell in row.iter() if tag(cell) == "tc"]
    return " | ".join(cells) if any(cells) else ""


def _inline(parent: Element) -> str:
    parts: list[str] = []
    for child in parent:
        kind = tag(child)
        if kind == "t":
            parts.append(child.text or "")
        elif kind in _SIGNS:
            parts.append(_SIGNS[kind])
        elif kind == "txbxContent":
            parts += ["\n", "\n".join(_blocks(child)), "\n"]
        elif kind not in _LEFT_OUT:
            parts.append(_inline(child))
    return "".join(parts)
