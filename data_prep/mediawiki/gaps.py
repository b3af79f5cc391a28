"""What stands on both sides of markup that is taken out is made to fit together."""

import re

GAP = "\x05"
"""Stands between apostrophes that taking markup out would join, until ``strip_quotes`` has read them."""
PARENTHESES = "\x06"
"""Stands for parentheses that the source itself has empty, until the holes that templates left are closed."""
_EMPTY_PARENTHESES = re.compile(r"(?<=[^\s(])\(\)")

_STOPS = frozenset(".,;:!?،؛؟۔।॥。、，；：！？…՝։።፣")
_NO_WORD = ("\n", "*", "#", ":", ";", "|", "=")
"""Before a space that a stop does not go with: what marks a list item, a cell or a parameter."""
_SPACES = " \t\u00a0"


def part_quotes(out: list[str], text: str, end: int) -> None:
    """Keep quotes apart that markup stood between: two runs of them mean something else than one.

    Args:
        out: what was written so far.
        text: what is being read.
        end: where the markup ends, of which nothing is shown.
    """
    if text.startswith("'", end) or (out and out[-1].endswith("'")):
        out.append(GAP)


def close_gap(out: list[str], text: str, end: int) -> int:
    """Where reading goes on after an element that is gone with its content; the arguments are as above.

    A space before a stop goes (the last piece of ``out`` loses it), and so does a stop that repeats the one before
    (``He left.<ref>…</ref>.``).
    """
    stop = text[end : end + 1]
    if stop == "'" or (out and out[-1].endswith("'")):
        out.append(GAP)
    elif stop in _STOPS and out:
        before = out[-1]
        trimmed = before.rstrip(_SPACES)
        if len(trimmed) < len(before) and trimmed and not trimmed.endswith(_NO_WORD):
            before = out[-1] = trimmed
        if before.endswith(stop) and stop != "…":
            return end + 1
    return end


def mark_parentheses(text: str) -> str:
    """Empty parentheses behind a word are a function's, or whatever else they stand at, and no hole."""
    return _EMPTY_PARENTHESES.sub(PARENTHESES, text) if "()" in text else text


def restore(text: str) -> str:
    """Put in what the marks of this module stand for."""
    return text.replace(PARENTHESES, "()").replace(GAP, "")
