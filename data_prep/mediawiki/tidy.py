"""The last pass: entities, spaces, and what removed markup leaves behind."""

import re
from html.entities import html5

_ENTITY = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
# Beside the no-break space, these are rare: looking for any of them comes before replacing each.
_RARE_SPACE = re.compile("[\u00ad\u1680\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u2069\ufeff]")
_WIDE = re.compile("[\u1680\u2000-\u200a\u202f\u205f]")
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LINE_SEPARATOR = re.compile("[\u2028\u2029]")
_SPACES = re.compile("  +")
# By then spaces come singly. Patterns begin with one plain character, which the engine finds fastest.
_HOLE_AT_OPENING = re.compile(r"\([ ,;:]+")
_HOLES_AT_CLOSING = (" )", ",)", ";)")
_EMPTY_PARENTHESES = re.compile(r"\([/–-]*\)")
_WIDE_HOLE_AT_OPENING = re.compile(r"（[ ,;:、，；：]+")
_BEFORE_WIDE_CLOSING = ",;、，； "
_REPEATED_WIDE_COMMA = re.compile("、、+")
_REPEATED_COMMA = re.compile(r",(?: ?,)+")
_BEFORE_STOP = re.compile(r" (?=[.;](?:\s|$))")

_MARKUP_RUN = re.compile(r"[\[\]{}|]{2,}")
_MARKUP_PAIRS = ("[[", "]]", "{{", "}}", "{|", "|}")
_REF = re.compile(r"<ref", re.IGNORECASE)


def unescape(text: str) -> str:
    """Expand entities; unlike ``html.unescape`` only those that end in a semicolon, as MediaWiki."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return html5.get(name + ";", match[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    is_text = code in (9, 10) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0x110000
    return chr(code) if is_text and not 0x7F <= code < 0xA0 else ""


def tidy_spaces(text: str) -> str:
    """Single spaces, no invisible characters, no holes where a template or a link stood.

    A check with ``in`` is many times as fast as a substitution that finds nothing, hence those before each.
    """
    text = text.replace("\u00a0", " ").replace("\t", " ")
    if _RARE_SPACE.search(text):
        text = _LINE_SEPARATOR.sub("\n", _WIDE.sub(" ", _INVISIBLE.sub("", text)))
    if "  " in text:
        text = _SPACES.sub(" ", text)
    if "(" in text:
        text = _HOLE_AT_OPENING.sub("(", text)
        for hole in _HOLES_AT_CLOSING:
            text = text.replace(hole, ")")
        text = _EMPTY_PARENTHESES.sub("", text)
    if "（" in text:
        *closed, rest = _WIDE_HOLE_AT_OPENING.sub("（", text).split("）")
        closed = [part.rstrip(_BEFORE_WIDE_CLOSING) for part in closed]
        text = "）".join([*closed, rest]).replace("（）", "")
    if "、、" in text:
        text = _REPEATED_WIDE_COMMA.sub("、", text)
    if "  " in text:
        text = _SPACES.sub(" ", text)
    text = text.replace(" ,", ",").replace(":,", ",")
    if ",," in text or ", ," in text:
        text = _REPEATED_COMMA.sub(",", text)
    if " ." in text or " ;" in text:
        text = _BEFORE_STOP.sub("", text)
    return text.replace(" \n", "\n").replace("\n ", "\n")


def strip_remains(text: str) -> str:
    """Guarantee that no ``[[ ]] {{ }} {| |} <ref &nbsp;`` is left, whatever the page was.

    Whole runs of brackets go, so that taking one out can't make another of what stands around it.
    """
    stripped = text
    if any(pair in text for pair in _MARKUP_PAIRS):
        stripped = _MARKUP_RUN.sub(_drop_pairs, text)
    if "<" in stripped:
        stripped = _REF.sub(" ", stripped)
    stripped = stripped.replace("&nbsp;", " ")
    return stripped if stripped == text else _SPACES.sub(" ", stripped)


def _drop_pairs(run: re.Match[str]) -> str:
    return "" if any(pair in run[0] for pair in _MARKUP_PAIRS) else run[0]
