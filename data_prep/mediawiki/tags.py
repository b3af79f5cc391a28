"""Comments, extension tags and HTML tags: the first pass over wikitext."""

import re
from collections.abc import Callable

from data_prep.mediawiki.gaps import close_gap, part_quotes
from data_prep.mediawiki.superscripts import superscript
from data_prep.mediawiki.tidy import unescape
from pipeline.config.clean import MarkupConfig

BREAK = "\x01"
"""Stands for a line break (``<br>``) that must not be taken for the end of a line of wikitext."""
LITERAL = "\x02"
"""Brackets the number of a ``<nowiki>`` or ``<pre>`` section, which nothing may interpret."""

# No part can run past the next "<", save that of a short comment, which keeps rows of unclosed tags linear.
_TAG = re.compile(r"<(?:!--|(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+(?:<!--[^<>]{0,300}-->[^<>]*+)*+)>)")
_POWER = re.compile(r"((?:[0-9+−–-]|&minus;){1,8})\s*+</sup\s*+>", re.IGNORECASE)
_LITERAL = re.compile(rf"{LITERAL}(\d+){LITERAL}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_LITERAL_TAGS = frozenset({"nowiki", "pre"})
_DROPPED_WITH_CONTENT = frozenset(
    """
    ref references gallery math chem ce score timeline syntaxhighlight source imagemap templatestyles
    templatedata hiero graph mapframe maplink inputbox categorytree dynamicpagelist indicator includeonly
    style script charinsert poll phonos
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
_INLINE = frozenset(
    """
    a abbr acronym b bdi bdo big cite code data del dfn em embed font i ins kbd label languages mark
    noinclude nobr onlyinclude q rb rbc rp rt rtc ruby s samp section small span strike strong sub sup
    time translate tvar tt u var wbr
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
_BLOCK = frozenset(
    """
    blockquote center div dl ul ol article aside header footer figure figcaption caption tbody thead
    tfoot tr td th col colgroup
    """.split()  # noqa: SIM905 (a word a line would take pages)
)
_OTHER = {
    "br": BREAK,
    "hr": "\n\n",
    "p": "\n\n",
    "li": "\n* ",
    "dt": "\n;",
    "dd": "\n:",
}
_HEADINGS = {f"h{level}": "=" * level for level in range(1, 7)}
_TABLE_PARTS = {"table": "\n{|", "caption": "\n|+", "tr": "\n|-", "td": "\n|", "th": "\n|"}
_AFTER = {"caption": "|", "tr": "\n", "td": "|", "th": "|"}
_PAIR = re.compile(r"\[(?=\[)|\](?=\])|\{(?=[{|])|\}(?=\})|\|(?=\})")
_CLOSING = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _DROPPED_WITH_CONTENT | _LITERAL_TAGS
}


def strip_tags(text: str, markup: MarkupConfig) -> tuple[str, list[str]]:
    """Take the tags out, and with them the content of those whose content isn't prose.

    Where ``markup`` keeps them, tables become ``{| … |}`` and the images of galleries links to files.

    Returns the text and the literal sections (``<nowiki>``, ``<pre>``, and formulas that are kept) that
    ``restore_literals`` puts back.
    """
    stripper = _Stripper(_CONTROL.sub("", text), markup)
    return stripper.strip(), stripper.literals


class _Stripper:
    """One pass over a page; ``out`` is what is left of it up to ``position``."""

    def __init__(self, text: str, markup: MarkupConfig) -> None:
        self.literals: list[str] = []
        self._text = text
        self._out: list[str] = []
        self._position = 0
        self._keeps_tables = markup.tables == "text"
        self._keeps_math = markup.math == "latex"
        self._tables: list[int] = []  # the length of out where each open <table> began
        self._unclosed: set[str] = set()  # names without another closing tag further on
        # Elements whose lines become something else, and the length of out where the open one began.
        self._line_elements: dict[str, Callable[[str], str]] = {"poem": _poem_lines}
        if markup.captions:
            self._line_elements["gallery"] = _gallery_files
        self._begun: dict[str, int] = {}
        self._hidden = _CLOSING.keys() - self._line_elements.keys()

    def strip(self) -> str:
        text, out = self._text, self._out
        emitted = 0
        while match := _TAG.search(text, self._position):
            start, self._position = match.span()
            if emitted < start:
                out.append(text[emitted:start])
                emitted = start
            name, rest = match[2], match[3]
            if name is None:
                emitted = self._position = _comment_end(text, start)
                continue
            if rest and not (rest[0].isspace() or rest[0] in "/<"):
                continue  # "<foo:bar>" is text
            name, closes = name.lower(), bool(match[1])
            replacement = self._replacement(name, closes, rest)
            if replacement is None:
                continue  # no tag that MediaWiki knows: shown as it stands
            if replacement:
                out.append(replacement)
            elif name in self._hidden:
                self._position = close_gap(out, text, self._position)
            else:
                part_quotes(out, text, self._position)
            if name == "table":
                self._nest_table(closes)
            emitted = self._position
        out.append(text[emitted:])
        return "".join(out)

    def _replacement(self, name: str, closes: bool, rest: str) -> str | None:
        """What stands in a tag's place; None where it is no tag. Its content goes where that isn't prose."""
        if name in self._hidden:  # first: most tags are references
            return "" if closes or rest.endswith("/") else self._take_content(name)
        if name in self._line_elements:
            return self._line_element(name, closes, rest.endswith("/"))
        if name == "sup" and not closes and (power := _POWER.match(self._text, self._position)):
            self._position = power.end()
            return superscript(power[1])
        if name in _INLINE:
            return ""
        if self._keeps_tables and name in _TABLE_PARTS and (self._tables or name == "table"):
            return _table_part(name, closes, rest)
        if name in _BLOCK:
            return BREAK
        if name in _OTHER:
            return _OTHER[name] if not closes or name == "p" or name == "br" else ""
        if name in _HEADINGS:
            return _HEADINGS[name] + "\n" if closes else "\n" + _HEADINGS[name]
        return "" if name == "table" else None

    def _line_element(self, name: str, closes: bool, is_empty: bool) -> str:
        begin = self._begun.get(name)
        if closes and begin is not None:
            del self._begun[name]
            lines = "".join(self._out[begin:])
            del self._out[begin:]
            return self._line_elements[name](lines)
        if not closes and begin is None and not is_empty:
            self._begun[name] = len(self._out)
        return ""

    def _take_content(self, name: str) -> str:
        """Go on behind the element, whose content is a literal or is left out."""
        begin = self._position
        end = None if name in self._unclosed else _CLOSING[name].search(self._text, begin)
        if end is None:
            self._unclosed.add(name)
            return ""
        self._position = end.end()
        content = self._text[begin : end.start()]
        if name == "math" and self._keeps_math:
            content = _formula(content)
        elif name not in _LITERAL_TAGS:
            return ""
        self.literals.append(content)
        return f"{LITERAL}{len(self.literals) - 1}{LITERAL}"

    def _nest_table(self, closes: bool) -> None:
        if not closes:
            self._tables.append(len(self._out))
        elif self._tables:
            begin = self._tables.pop()
            if not self._keeps_tables:
                del self._out[begin:]


def _table_part(name: str, closes: bool, attributes: str) -> str:
    if name == "table":
        return "\n|}\n" if closes else "\n{|\n"
    if closes:
        return ""
    return _TABLE_PARTS[name] + attributes.replace("|", " ").replace("\n", " ") + _AFTER[name]


def _gallery_files(lines: str) -> str:
    """The lines ``File:a.jpg|caption`` between ``<gallery>`` and its end."""
    parts = (line.partition("|") for line in lines.split("\n"))
    captions = (caption for name, _, caption in parts if "." in name and caption)
    return "\n" + "\n".join(f"[[File:|thumb|{caption}]]" for caption in captions) + "\n"


def _poem_lines(text: str) -> str:
    """The lines of a ``<poem>``, each of which stays one; their indentation goes."""
    out = ["\n\n"]
    for line in map(str.strip, text.split("\n")):
        if not line:
            out.append("\n\n")
        elif line[0] in "*#;=|!{":
            out.append("\n" + line)
        else:
            out.append(BREAK + line.lstrip(": "))
    return "".join([*out, "\n\n"])


def _formula(latex: str) -> str:
    """``$…$``; brackets that wikitext would take for its own are parted, which LaTeX doesn't mind."""
    latex = " ".join(unescape(latex).split())
    return "$" + _PAIR.sub(r"\g<0> ", latex) + "$" if latex else ""


def restore_literals(text: str, literals: list[str]) -> str:
    """Put literal sections back where they stood."""
    if not literals:
        return text
    return _LITERAL.sub(lambda match: literals[int(match[1])], text)


def _comment_end(text: str, start: int) -> int:
    """Where the text goes on after a comment; an unclosed one hides the rest of the page."""
    end = text.find("-->", start + 4)
    if end < 0:
        return len(text)
    end += 3
    # A comment with a line to itself takes its line with it: otherwise it would part two paragraphs.
    if text[start - 1 : start] == "\n" and text[end : end + 1] == "\n":
        end += 1
    return end
