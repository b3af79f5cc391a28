"""The words of an HTML page, all of them, a line for each block."""

import re

_LEFT_OUT = ("script", "style", "noscript", "template", "svg", "math", "head")
_BLOCKS = (
    *(
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
    ),
    *(
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
    ),
    *("li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul"),
)
_BREAK = "\u2028"


def html_text(content: bytes) -> tuple[str, str]:
    """Title (may be empty) and text; what is no markup is text.

    Args:
        content: a page, of which nothing is fetched, in the encoding that it declares, else in UTF-8.
    """
    from lxml import etree, html

    declared = re.search(rb"""(?:charset|encoding)\s*=\s*["']?([\w-]+)""", content[:2048])
    encoding = declared[1].decode() if declared else "utf-8"
    try:
        parser = html.HTMLParser(encoding=encoding, no_network=True)
    except LookupError:  # no such encoding
        parser = html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        page = html.document_fromstring(content, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):  # nothing in it
        return "", ""
    title = " ".join((page.findtext(".//title") or "").split())
    etree.strip_elements(page, *_LEFT_OUT, etree.Comment, etree.ProcessingInstruction, with_tail=False)
    for block in page.iter(*_BLOCKS):
        block.text = _BREAK + (block.text or "")
        block.tail = _BREAK + (block.tail or "")
    lines = (" ".join(line.split()) for line in page.text_content().split(_BREAK))
    return title, "\n".join(line for line in lines if line)
