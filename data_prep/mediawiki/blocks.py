"""Lines of wikitext: headings, lists, paragraphs, rows of tables."""

import re
from itertools import pairwise

from data_prep.mediawiki.captions import CAPTION
from data_prep.mediawiki.quotes import strip_quotes
from data_prep.mediawiki.tables import ROW
from data_prep.mediawiki.tags import BREAK

_MARKS = "*#:;"
_ITEM_MARKERS = frozenset(_MARKS)
_WORD = re.compile(r"\w")
_CJK = re.compile(r"[\u3000-\u9fff\uf900-\ufaff\uff00-\uff60]")
_NO_PROSE = ("{|", "! ", "!!", "----")
"""Beginnings of lines: leftovers of broken tables, and rules."""
_CAPTION = re.compile(f"{CAPTION}([^{CAPTION}]*){CAPTION}?")


def layout(text: str, headings: bool = True, lists: bool = True) -> str:
    """Paragraphs, headings and list items, each on a line of its own; blank lines between blocks.

    Headings with nothing below them are dropped, and lines without any letter or digit. A caption becomes a
    paragraph after the block that it stands in.
    """
    page = _Page(headings)
    after_item = False
    for line in text.split("\n"):
        captions = ()
        if CAPTION in line:
            captions = _CAPTION.findall(line)
            line = _CAPTION.sub("", line)
        content = line.strip()
        first = content[:1]
        is_item = first in _ITEM_MARKERS
        if not content:
            page.end_block()
        elif first == "=" and content[-1] == "=" and len(content) > 2:
            level = min(len(content) - len(content.lstrip("=")), len(content) - len(content.rstrip("=")), 6)
            page.add_heading(level, content[level:-level])
        elif is_item:
            marker = content[: len(content) - len(content.lstrip(_MARKS))]
            # Colons alone only indent, save below a list item.
            after_item = after_item or marker.strip(":") != ""
            if lists or not after_item:
                page.add_item(marker, content[len(marker) :])
        elif first == "|" or content.startswith(_NO_PROSE):
            page.end_block()
        elif first == ROW:
            page.add_line(content[1:])
        elif line[0] in " \t":
            page.add_line(content)
        else:
            page.add_prose(content)
        if captions:
            page.add_captions(captions)
        after_item = after_item and is_item
    return page.text()


class _Page:
    """Collects the blocks of a page's text."""

    def __init__(self, has_headings: bool) -> None:
        self._has_headings = has_headings
        self._captions: list[str] = []  # of the current block
        self._blocks: list[str] = []
        self._lines: list[str] = []  # of the current block
        self._is_prose = False  # whether the current block's lines run on in one paragraph
        self._headings: list[tuple[int, str]] = []  # those that nothing has followed yet

    def add_heading(self, level: int, content: str) -> None:
        self.end_block()
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        if self._has_headings and (title := _inline(content).replace(BREAK, " ")):
            self._headings.append((level, title))

    def add_captions(self, captions: list[str]) -> None:
        self._captions += [caption for caption in map(_inline, captions) if _WORD.search(caption)]
        if not self._lines:
            self.end_block()

    def add_item(self, marker: str, content: str) -> None:
        content = _inline(content)
        if marker[-1] == ";":
            content = content.replace(" : ", ": ", 1)
        self._add(("- " + content) if marker[-1] in "*#" and content else content, is_prose=False)

    def add_line(self, content: str) -> None:
        """A line that stays one: an indented line is shown as it stands."""
        self._add(_inline(content), is_prose=False)

    def add_prose(self, content: str) -> None:
        self._add(_inline(content), is_prose=True)

    def _add(self, content: str, is_prose: bool) -> None:
        if not _WORD.search(content):
            return
        if is_prose != self._is_prose:
            self.end_block()
            self._is_prose = is_prose
        self._lines.append(content)

    def end_block(self) -> None:
        if not self._lines and not self._captions:
            return
        self._blocks += [title for _, title in self._headings]
        self._headings.clear()
        if self._lines:
            self._blocks.append(_run_on(self._lines) if self._is_prose else "\n".join(self._lines))
            self._lines = []
        if self._captions:
            self._blocks += self._captions
            self._captions = []

    def text(self) -> str:
        self.end_block()
        return "\n\n".join(self._blocks).replace(BREAK, "\n")


def _run_on(lines: list[str]) -> str:
    """Join the lines of a paragraph; Chinese and Japanese put no space between words."""
    if len(lines) == 1:
        return lines[0]
    out = [lines[0]]
    for previous, line in pairwise(lines):
        if not (_CJK.match(previous[-1]) and _CJK.match(line)):
            out.append(" ")
        out.append(line)
    return "".join(out)


def _inline(text: str) -> str:
    """A line's own text, without bold and italic quotes."""
    if "'" in text:
        text = strip_quotes(text)
    if BREAK in text:
        lines = (line.strip(" \t") for line in text.split(BREAK))
        text = BREAK.join(line for line in lines if line)
    # A line that begins with a comma began with a formula or a template.
    return text.strip().lstrip(" ,;、，")
