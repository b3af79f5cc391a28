"""Tables: taken out, or written a line per row."""

import re

from data_prep.mediawiki.quotes import strip_quotes
from data_prep.mediawiki.tags import BREAK

ROW = "\x03"
"""Begins a line that is a table's row, whatever its first character would mean."""

_MARK = re.compile(r"\{\||\|\}")
_INDENT = " \t:*#;"
_HEADER_CELLS = re.compile(r"!!|\|\|")
_SPAN = re.compile(r"(col|row)span\s*+=\s*+[\"']?\s*+(\d{1,4})", re.IGNORECASE)
# A cell that held nothing but them, and a template that is gone.
_ATTRIBUTES = re.compile(
    r"\s*+(?:(?:colspan|rowspan|style|class|align|valign|bgcolor|width|height|scope|id|data-[\w-]+)\s*+=\s*+"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s\"'|]++)\s*+)++",
    re.IGNORECASE,
)
_LIST_MARKER = re.compile(r"[*#:;]+\s*")


def replace_tables(text: str, as_text: bool) -> str:
    """Each ``{| … |}`` that is in no other, as rows or as nothing. ``layout`` drops the rows of one never closed."""
    if "{|" not in text:
        return text
    out: list[str] = []
    position = 0
    for start, opening, end in _outermost(text):
        out.append(text[position:start])
        position = opening if end is None else end
        if as_text and end is not None and (rows := _rows(text[opening:end])):
            out.append(f"\n\n{rows}\n\n")
    out.append(text[position:])
    return "".join(out)


def _outermost(text: str) -> list[tuple[int, int, int | None]]:
    """Of each table that is in no other: where its line begins, its ``{|``, its end (None: never closed)."""
    tables: list[tuple[int, int, int | None]] = []
    opened: list[tuple[int, int]] = []
    for match in _MARK.finditer(text):
        start = match.start()
        indent = ""
        if text[start - 1 : start] != "\n":
            # Only at the start of a line; a short look back is enough, and bounds the work.
            before = text[max(start - 16, 0) : start]
            indent = before.rpartition("\n")[2]
            if indent.strip(_INDENT) or (start > 16 and "\n" not in before):
                continue
        if match[0] == "{|":
            opened.append((start - len(indent), start))
        elif opened:
            line, opening = opened.pop()
            while tables and tables[-1][1] > opening:
                tables.pop()
            tables.append((line, opening, match.end()))
    return sorted([*tables, *((line, opening, None) for line, opening in opened)]) if opened else tables


def _rows(source: str) -> str:
    """The caption and the rows of a table, those of a table inside after the row that holds it."""
    tables = [_Table()]
    for line in source.split("\n")[1:]:  # the first opens the table
        content = line.strip()
        table = tables[-1]
        if not content:
            continue
        if content[0] not in "|!{" + _INDENT:
            table.add_text(content)
        elif content.lstrip(_INDENT).startswith("{|"):
            tables.append(_Table())
        elif content.startswith("|}"):
            if len(tables) > 1:
                tables.pop()
                tables[-1].add_inner(table)
                if content != "|}":
                    tables[-1].add_text(content[2:])
        elif content.startswith("|-"):
            table.end_row()
        elif content.startswith("|+"):
            table.start_caption(content[2:])
        elif content[0] == "|":
            for cell in content[1:].split("||"):
                table.add_cell(cell)
        elif content[0] == "!":
            for cell in _HEADER_CELLS.split(content[1:]):
                table.add_cell(cell)
        else:
            table.add_text(content)
    while len(tables) > 1:
        inner = tables.pop()
        tables[-1].add_inner(inner)
    return "\n".join(tables[0].lines())


class _Cell:
    __slots__ = ("columns", "rows", "texts")

    def __init__(self, text: str = "", columns: int = 1, rows: int = 1) -> None:
        self.texts = [text]
        self.columns, self.rows = columns, rows

    def text(self) -> str:
        texts = []
        for text in self.texts:
            if not text:
                continue
            text = text.strip()
            item = _LIST_MARKER.match(text)
            text = strip_quotes(text[item.end() :] if item else text).replace(BREAK, " ").strip()
            if text:
                texts.append(", " + text if item and texts else " " + text)
        return "".join(texts).strip()


class _Table:
    """Collects a table's rows.

    A cell over several columns is written once, one over several rows in each of them: so each row can be
    read by itself. What is repeated never exceeds what the table holds, whatever spans it claims.
    """

    def __init__(self) -> None:
        self._lines: list[str | _Table] = []
        self._cells: list[_Cell] = []
        self._is_caption = False  # the current row
        self._inner: list[_Table] = []  # those inside the current row
        self._spans: dict[int, tuple[int, int, str]] = {}  # column to rows left, columns, text
        self._budget = 0  # characters that may still be repeated

    def start_caption(self, text: str) -> None:
        self.end_row()
        self.add_cell(text)
        self._is_caption = True

    def add_cell(self, text: str) -> None:
        if self._is_caption:
            self.end_row()
        attributes, pipe, content = text.partition("|")
        if not pipe and "=" in text and _ATTRIBUTES.fullmatch(text):
            attributes, pipe, content = text, "|", ""
        if not pipe:
            self._cells.append(_Cell(text))
        else:
            spans = {kind.lower(): int(number) for kind, number in _SPAN.findall(attributes)}
            # HTML's own bounds.
            columns = min(max(spans.get("col", 1), 1), 1000)
            self._cells.append(_Cell(content, columns, max(spans.get("row", 1), 1)))

    def add_text(self, text: str) -> None:
        """A further line of the last cell."""
        if not self._cells:
            self._cells.append(_Cell())
        self._cells[-1].texts.append(text)

    def add_inner(self, table: "_Table") -> None:
        table.end_row()
        if table._lines:
            self._inner.append(table)

    def end_row(self) -> None:
        if self._cells:
            texts = self._fill_row()
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                self._lines.append(ROW + " | ".join(texts))
        self._lines += self._inner
        self._cells = []
        self._inner = []
        self._is_caption = False

    def _fill_row(self) -> list[str]:
        """The texts of the row's cells, with those of rows above that reach into it."""
        texts: list[str] = []
        column = 0
        above = self._spans
        self._spans = {}
        for cell in self._cells:
            column = self._repeat(above, column, texts)
            text = cell.text()
            texts.append(text)
            self._budget += len(text)
            if cell.rows > 1:
                self._spans[column] = (cell.rows - 1, cell.columns, text)
            column += cell.columns
        self._repeat(above, column, texts)
        return texts

    def _repeat(self, above: dict[int, tuple[int, int, str]], column: int, texts: list[str]) -> int:
        """Add what reaches into the row at ``column``; returns the next free column."""
        while column in above:
            rows, columns, text = above[column]
            self._budget -= len(text) + 1
            if self._budget < 0:
                above.clear()
                break
            texts.append(text)
            if rows > 1:
                self._spans[column] = (rows - 1, columns, text)
            column += columns
        return column

    def lines(self) -> list[str]:
        """All rows, in order. Not recursive: tables nest as deep as a page likes."""
        self.end_row()
        out: list[str] = []
        stack: list[_Table | str] = [self]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                out.append(item)
            else:
                stack += reversed(item._lines)
        return out
