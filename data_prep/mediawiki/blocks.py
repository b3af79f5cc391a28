"""Lines of wikitext: headings, lists, paragraphs, tables."""

import re
from itertools import pairwise

from data_prep.mediawiki.tags import BREAK

_LIST_MARKER = re.compile(r"[*#:;]+")
_QUOTES = re.compile(r"'{2,}")
_WORD = re.compile(r"\w")
_CJK = re.compile(r"[\u3000-\u9fff\uf900-\ufaff\uff00-\uff60]")
_BREAKS = re.compile(rf"[ \t]*{BREAK}[ \t{BREAK}]*")
_NO_PROSE = ("{|", "! ", "!!", "----")
"""Beginnings of lines: leftovers of broken tables, and rules."""
_TABLE_MARK = re.compile(r"\{\||\|\}")
_TABLE_INDENT = " \t:*#;"


def drop_tables(text: str) -> str:
    """Take out ``{| … |}``, nested ones too. ``layout`` drops the rows of one never closed."""
    if "{|" not in text:
        return text
    out: list[str] = []
    opened: list[int] = []  # length of out where each table began
    position = 0
    for match in _TABLE_MARK.finditer(text):
        start = match.start()
        # Only at the start of a line; a short look back is enough, and bounds the work.
        before = text[max(start - 16, 0) : start]
        line_start = before.rpartition("\n")[2]
        if line_start.strip(_TABLE_INDENT) or (start > 16 and "\n" not in before):
            continue
        if match[0] == "{|":
            out.append(text[position : start - len(line_start)])
            opened.append(len(out))
            position = start
        elif opened:
            del out[opened.pop() :]
            position = match.end()
    out.append(text[position:])
    return "".join(out)


def layout(text: str) -> str:
    """Paragraphs, headings and list items, each on a line of its own; blank lines between blocks.

    Headings with nothing below them are dropped, and lines without any letter or digit.
    """
    page = _Page()
    for line in text.split("\n"):
        content = line.strip()
        if not content:
            page.end_block()
            continue
        first = content[0]
        if first == "=" and content[-1] == "=" and len(content) > 2:
            level = min(len(content) - len(content.lstrip("=")), len(content) - len(content.rstrip("=")), 6)
            page.add_heading(level, content[level:-level])
        elif first in "*#:;":
            marker = _LIST_MARKER.match(content)[0]
            page.add_item(marker, content[len(marker) :])
        elif first == "|" or content.startswith(_NO_PROSE):
            page.end_block()
        elif line[0] in " \t":
            page.add_line(content)
        else:
            page.add_prose(content)
    return page.text()


class _Page:
    """Collects the blocks of a page's text."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._lines: list[str] = []  # of the current block
        self._is_prose = False  # whether the current block's lines run on in one paragraph
        self._headings: list[tuple[int, str]] = []  # those that nothing has followed yet

    def add_heading(self, level: int, content: str) -> None:
        self.end_block()
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        if title := _inline(content).replace(BREAK, " "):
            self._headings.append((level, title))

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
        if not self._lines:
            return
        self._blocks += [title for _, title in self._headings]
        self._headings.clear()
        self._blocks.append(_run_on(self._lines) if self._is_prose else "\n".join(self._lines))
        self._lines = []

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
    if "''" in text:
        text = _strip_quotes(text)
    if BREAK in text:
        text = _BREAKS.sub(BREAK, text).strip(BREAK)
    # A line that begins with a comma began with a formula or a template.
    return text.strip().lstrip(" ,;、，")


def _strip_quotes(text: str) -> str:
    runs = [match.span() for match in _QUOTES.finditer(text)]
    lengths = [end - start for start, end in runs]
    bold = sum(length >= 3 for length in lengths)
    italic = sum(length == 2 or length >= 5 for length in lengths)
    apostrophe = -1
    if bold % 2 and italic % 2:
        # As MediaWiki does: one of the bold marks is an apostrophe before an italic mark (l'''amour'').
        candidates = [start for start, end in runs if end - start == 3]
        apostrophe = min(candidates, key=lambda start: _apostrophe_rank(text, start), default=-1)

    def keep(match: re.Match[str]) -> str:
        length = len(match[0])
        if length == 4 or match.start() == apostrophe:
            return "'"
        return "'" * (length - 5)

    return _QUOTES.sub(keep, text)


def _apostrophe_rank(text: str, start: int) -> int:
    """After a word of one letter rather than after a longer one, rather than after a space."""
    if start == 0 or text[start - 1] == " ":
        return 2
    return 0 if start == 1 or text[start - 2] == " " else 1
