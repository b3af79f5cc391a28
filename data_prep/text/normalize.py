"""One spelling for one text: Unicode form, line ends, invisible characters, white space. In linear time."""

import re
import unicodedata
from typing import Literal

_LINE_ENDS = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Control and format characters that a reader does not see, what decoding left of invalid bytes (U+FFFD), and
# halves of surrogate pairs, which JSON can smuggle in and UTF-8 cannot hold. The joiners U+200C and U+200D
# stay: Persian, the Indic scripts and emoji are spelled with them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff0-\uffff]"
)
_UNUSUAL = re.compile("|".join(pattern.pattern for pattern in (_LINE_ENDS, _SPACES, _INVISIBLE)))
_TRAILING = re.compile(r"(?<![ \t])[ \t]++(?=\n)")
_BLANK_LINES = re.compile(r"\n\n\n+")

_LONGEST_MARK_RUN = 30
"""Combining marks on one character: the limit of Unicode's Stream-Safe Text Format (UAX #15, section 13)."""


def _character_set(characters: list[str]) -> str:
    """The inside of a regular expression's brackets, with ranges, which match faster."""
    ranges: list[str] = []
    for character in characters:
        if ranges and ord(ranges[-1][-1]) + 1 == ord(character):
            ranges[-1] = f"{ranges[-1][0]}-{character}"
        else:
            ranges.append(character)
    return "".join(ranges)


_MARKS = _character_set([chr(code) for code in range(0x20000) if unicodedata.combining(chr(code))])
_BASIC_MARKS = _character_set([chr(code) for code in range(0x10000) if unicodedata.combining(chr(code))])
_LONG_MARK_RUN = re.compile(f"([{_MARKS}]{{{_LONGEST_MARK_RUN}}})[{_MARKS}]+")
# Finds all that _LONG_MARK_RUN does, and more, 15 times as fast: `re` is slow at sets beyond the basic plane.
_MAYBE_MARK = f"[{_BASIC_MARKS}\U00010000-\U0001ffff]"
_MAYBE_LONG_MARK_RUN = re.compile(f"{_MAYBE_MARK}{_MAYBE_MARK}{{{_LONGEST_MARK_RUN}}}")


def normalize(text: str, form: Literal["NFC", "NFKC", "none"] = "NFC") -> str:
    """Clean up what a reader does not see.

    Line ends become ``\\n``; zero-width, control and replacement characters go; every Unicode space becomes a
    plain one; space at the end of a line goes, indentation and space inside a line stay; at most one blank
    line separates paragraphs. ``form`` is the Unicode normalization form of the result.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _UNUSUAL.search(text):  # one look instead of three replacements: most texts have none of them
        text = _LINE_ENDS.sub("\n", text)
        text = _INVISIBLE.sub("", text)
        text = _SPACES.sub(" ", text)
    if form != "none" and not text.isascii():
        # Python sorts a run of combining marks in quadratic time; no language needs long ones.
        if _MAYBE_LONG_MARK_RUN.search(text):
            text = _LONG_MARK_RUN.sub(r"\1", text)
        text = unicodedata.normalize(form, text)
    if " \n" in text or "\t\n" in text:
        text = _TRAILING.sub("", text)
    return _BLANK_LINES.sub("\n\n", text).strip()
