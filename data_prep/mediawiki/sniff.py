"""What a file is that should be a dump and is none."""

import re
from pathlib import Path

from pipeline.formats.converting import how_to_convert
from pipeline.formats.encodings import UTF8, wide_encoding

_DUMP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml|<mediawiki|<page>)")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)", re.IGNORECASE)
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*[\[{"\]])')
_COMPRESSIONS = {".bz2": ("bz2", re.compile(rb"BZh[1-9]")), ".gz": ("gzip", re.compile(rb"\x1f\x8b"))}


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


def problem_of_content(path: Path, start: bytes) -> str | None:
    """The same by the first bytes of what is decompressed."""
    if not start:
        return "is empty: download it again."
    encoding = wide_encoding(start) or UTF8  # whatever else is not UTF-8 in a dump is damage
    if not _DUMP.match(start.decode(encoding, "ignore").encode()):
        return f"is no MediaWiki XML dump. {_advice(start)}"
    return None if encoding == UTF8 else how_to_convert(path, encoding)


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
