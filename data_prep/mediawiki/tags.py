"""Comments, extension tags and HTML tags: the first pass over wikitext."""

import re

BREAK = "\x01"
"""Stands for a line break (``<br>``) that must not be taken for the end of a line of wikitext."""
LITERAL = "\x02"
"""Brackets the number of a ``<nowiki>`` or ``<pre>`` section, which nothing may interpret."""

# Neither part can run past the next "<", which keeps rows of unclosed tags linear.
_TAG = re.compile(r"<(?:!--|(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>)")
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
_CLOSING = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _DROPPED_WITH_CONTENT | _LITERAL_TAGS
}


def strip_tags(text: str) -> tuple[str, list[str]]:
    """Take the tags out, and with them the content of those whose content isn't prose.

    Returns the text and the literal sections (``<nowiki>``, ``<pre>``) that ``restore_literals`` puts back.
    """
    text = _CONTROL.sub("", text)
    out: list[str] = []
    literals: list[str] = []
    tables: list[int] = []  # the length of out where each open <table> began
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
        if name in _CLOSING:
            replacement = ""
            if not closes and not rest.endswith("/") and name not in unclosed:
                if end := _CLOSING[name].search(text, position):
                    if name in _LITERAL_TAGS:
                        replacement = f"{LITERAL}{len(literals)}{LITERAL}"
                        literals.append(text[position : end.start()])
                    position = end.end()
                else:
                    unclosed.add(name)
        elif name in _INLINE:
            replacement = ""
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
            del out[tables.pop() :]
    out.append(text[emitted:])
    return "".join(out), literals


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
