"""What a file is that should be a dump and is none."""

import re

_DUMP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml|<mediawiki|<page>)")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)", re.IGNORECASE)
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*[\[{"\]])')
_COMPRESSIONS = {".bz2": ("bz2", re.compile(rb"BZh[1-9]")), ".gz": ("gzip", re.compile(rb"\x1f\x8b"))}
_ENCODINGS = (  # a longer mark comes before one that begins it
    ("UTF-32", re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff")),
    ("UTF-32LE", re.compile(rb"<\0\0\0[?m\s]\0\0\0")),
    ("UTF-32BE", re.compile(rb"\0\0\0<\0\0\0[?m\s]")),
    ("UTF-16", re.compile(rb"\xff\xfe|\xfe\xff")),
    ("UTF-16LE", re.compile(rb"<\0[?m\s]\0")),
    ("UTF-16BE", re.compile(rb"\0<\0[?m\s]")),
)
_TOOLS = {".bz2": ("bzcat", " | bzip2"), ".gz": ("zcat", " | gzip")}


def problem_of_file(name: str, start: bytes) -> str | None:
    """What is wrong with a file by its first bytes on disk: the rest of a sentence that begins with its path."""
    if not start:
        return "is empty: download it again."
    suffix = next((suffix for suffix in _COMPRESSIONS if name.lower().endswith(suffix)), "")
    for other, (compression, magic) in _COMPRESSIONS.items():
        if suffix == other and not magic.match(start):
            return f"is not compressed with {compression}: there is no {compression} header. {_advice(start)}"
        if not suffix and magic.match(start):
            return f"is compressed with {compression}: rename it to end in {other}."
    return None


def problem_of_content(name: str, start: bytes) -> str | None:
    """The same by the first bytes of what is decompressed."""
    if not start:
        return "is empty: download it again."
    for encoding, mark in _ENCODINGS:
        if mark.match(start):
            cat, compress = next(
                (tool for suffix, tool in _TOOLS.items() if name.lower().endswith(suffix)), ("cat", "")
            )
            return (
                f"is in {encoding}, and dumps are read in UTF-8. Convert it: "
                f"{cat} '{name}' | iconv -f {encoding} -t UTF-8{compress} > 'utf8-{name}'"
            )
    return None if _DUMP.match(start) else f"is no MediaWiki XML dump. {_advice(start)}"


def _advice(start: bytes) -> str:
    begins = f"it begins with {start[:40]!r}"
    if _HTML.match(start):
        return (
            f"It is an HTML page ({begins}), perhaps what a server answered instead of the dump: read there "
            "what was wrong, and download the dump again."
        )
    if _JSON.match(start):
        return (
            f"It is JSON ({begins}), perhaps what a server answered instead of the dump, or another kind of "
            "dump. Download the …-pages-articles.xml.bz2 from the wiki's dump site."
        )
    if _DUMP.match(start):
        return "It is a plain XML dump: rename it to end in .xml."
    return f"Instead, {begins}. Give a …-pages-articles.xml.bz2 from a wiki's dump site."
