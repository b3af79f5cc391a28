"""Books of Project Gutenberg without what it writes before and behind them."""

import re

_START = re.compile(
    r"^[ \t]*\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG E-?(?:BOOK|TEXT).{0,400}?\*\*\*[ \t]*$",
    re.M | re.S | re.I,
)
_SMALL_PRINT = re.compile(r"^\*END\*? ?THE SMALL PRINT!.*$", re.M)
"""How files of before 2003 end their beginning."""
_END = re.compile(
    r"^[ \t]*(?:\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG|End of (?:the |this )?Project Gutenberg)",
    re.M | re.I,
)
_MADE_BY = re.compile(
    r"\s*(?:\[?(?:This )?E-?text )?(?:was )?(?:Produced|Prepared|Transcribed) by .*?\n\s*\n", re.S | re.I
)
_TITLE = re.compile(r"^Title:[ \t]*(.+(?:\n[ \t]{2,}\S.*)*)", re.M)
_ENCODING = re.compile(rb"^Character set encoding:[ \t]*(\S+)", re.M)


def read_book(content: bytes) -> tuple[str, str]:
    """Title (may be empty) and text of a file of Project Gutenberg; of another file all of it.

    Raises:
        UnicodeDecodeError: where it is not in the encoding that it names, else UTF-8.
        LookupError: where it names one that does not exist.
    """
    found = _ENCODING.search(content[:20_000])
    named = found[1].decode("ascii", "replace") if found else "utf-8"
    encoding = "utf-8-sig" if named.lower() in ("utf-8", "utf8", "ascii", "us-ascii") else named
    text = content.decode(encoding).replace("\r\n", "\n")
    start = _START.search(text) or _SMALL_PRINT.search(text)
    title = _TITLE.search(text[: start.start()] if start else "")
    body = text[start.end() :] if start else text
    if start and (made := _MADE_BY.match(body)):
        body = body[made.end() :]
    if end := _END.search(body):
        body = body[: end.start()]
    return " ".join(title[1].split()) if title else "", body.strip() + "\n"
