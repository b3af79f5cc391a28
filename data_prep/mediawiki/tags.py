"""Comments, extension tags and HTML tags: the first pass over wikitext."""

import re

from data_prep.mediawiki.tidy import unescape
from pipeline.config.clean import MarkupConfig

BREAK = "\x01"
"""Stands for a line break (``<br>``) that must not be taken for the end of a line of wikitext."""
LITERAL = "\x02"
"""Brackets the number of a ``<nowiki>`` or ``<pre>`` section, which nothing may interpret."""

# Neither part can run past the next "<", which keeps rows of unclosed tags linear.
_TAG = re.compile(r"<(?:!--|(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>)")
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
    blockquote center div dl poem ul ol article aside header footer figure figcaption caption tbody thead
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
    text = _CONTROL.sub("", text)
    out: list[str] = []
    literals: list[str] = []
    tables: list[int] = []  # the length of out where each open <table> began
    gallery: int | None = None  # the same of a <gallery> whose captions are kept
    keeps_tables = markup.tables == "text"
    unclosed: set[str] = set()  # names without another closing tag further on
    emitted = position = 0
    while match := _TAG.search(text, position):
        start, position = match.span()
        name = match[2]
        if name is None:
            out.append(text[emitted:start])
            emitted = position = _comment_end(text, start)
            continue
        name, rest = name.lower(), match[3]
        if rest and not (rest[0].isspace() or rest[0] == "/"):
            continue  # "<foo:bar>" is text
        closes = bool(match[1])
        if name == "gallery" and markup.captions:
            out.append(text[emitted:start])
            emitted = position
            if closes and gallery is not None:
                lines = "".join(out[gallery:])
                del out[gallery:]
                out.append(_gallery_files(lines))
                gallery = None
            elif not closes and gallery is None and not rest.endswith("/"):
                gallery = len(out)
            continue
        if name in _CLOSING:
            replacement = ""
            if not closes and not rest.endswith("/") and name not in unclosed:
                if end := _CLOSING[name].search(text, position):
                    if name in _LITERAL_TAGS:
                        replacement = f"{LITERAL}{len(literals)}{LITERAL}"
                        literals.append(text[position : end.start()])
                    elif name == "math" and markup.math == "latex":
                        replacement = f"{LITERAL}{len(literals)}{LITERAL}"
                        literals.append(_formula(text[position : end.start()]))
                    position = end.end()
                else:
                    unclosed.add(name)
        elif name in _INLINE:
            replacement = ""
        elif keeps_tables and name in _TABLE_PARTS and (tables or name == "table"):
            replacement = _table_part(name, closes, rest)
        elif name in _BLOCK:
            replacement = BREAK
        elif name in _OTHER:
            replacement = _OTHER[name] if not closes or name == "p" or name == "br" else ""
        elif name in _HEADINGS:
            replacement = _HEADINGS[name] + "\n" if closes else "\n" + _HEADINGS[name]
        elif name == "table":
            replacement = ""
        else:
            continue  # no tag that MediaWiki knows: shown as it stands
        out.append(text[emitted:start])
        out.append(replacement)
        emitted = position
        if name == "table" and not closes:
            tables.append(len(out))
        elif name == "table" and tables:
            begin = tables.pop()
            if not keeps_tables:
                del out[begin:]
    out.append(text[emitted:])
    return "".join(out), literals


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
