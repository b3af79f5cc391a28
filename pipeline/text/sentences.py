"""Where sentences end in every script, abbreviations included."""

import re
from collections.abc import Iterator
from itertools import chain, islice

from pipeline.text.letters import UNSPACED_LETTERS, character_set, characters

_TIBETAN = "\u0f0d-\u0f11\u0f14"
_TERMINALS = rf"[[\p{{Sentence_Terminal}}{_TIBETAN}]--[.!?]]"
_FULL_STOPS = character_set(_TERMINALS)
"""What Unicode calls sentence terminals, and the shads of Tibetan, which it does not. Those of Latin are apart: only
white space behind them, or a script without spaces, makes them an end, for `3.5` and `a.m` go on."""
_LOOKALIKES = "|".join(
    (
        "(?<=[\u0370-\u03ff\u1f00-\u1fff];)",  # Greek's question mark, as Unicode normalization leaves it
        "(?<=[\u0531-\u0587]:)",  # a colon typed for Armenian's full stop
        "(?<=[\u0900-\u0dff]\\|)\\|?+",  # a bar typed for the danda
        "(?<=\u1361\u1361)",  # two word separators typed for Ethiopic's full stop
    )
)
_QUOTES = "'\"”’»“‘«›‹」』"
"""As each language closes with its own: `„so“`, `»so«`, `“so”`."""

_BASIC_FULL_STOPS = character_set(rf"[[{_FULL_STOPS}]&&[\u0000-\uffff]]")
_FIRST = f"[.!?;:|\u1361{_BASIC_FULL_STOPS}\U00010a00-\U0001dfff]"
"""A quick look before the exact one: `re` is slow at sets of many characters beyond the basic plane."""
_SENTENCE_END = re.compile(
    rf"{_FIRST}(?:(?<=[.!?])(?:[{_QUOTES})\]]*+(?!\S)|(?<!\.)(?=[{UNSPACED_LETTERS}]))"
    rf"|(?<=[{_FULL_STOPS}])[{_FULL_STOPS}]*+|(?:{_LOOKALIKES})(?!\S))"
)
_LINE_ENDS = frozenset((*characters(_TERMINALS), *".!?", *_QUOTES))
_LOOKALIKE_LINE_END = re.compile(rf"[;:|\u1361](?:{_LOOKALIKES})$")

# Thai and Lao have no full stop. There, white space behind a stretch of text ends a sentence, or part of one.
_UNSTOPPED = "[\u0e01-\u0eff]"
_STRETCH_END = re.compile(rf"{_UNSTOPPED}{{20}}(?!\S)")
"""A shorter stretch is a name or a heading."""
_LINE_BREAK = re.compile("\n")
_UNSTOPPED_LETTER = re.compile(_UNSTOPPED)
_SHORT_LINE = 30
"""Characters, as in FineWeb: a longer line of these scripts is prose."""


def ends_sentence(line: str) -> bool:
    """Whether a line, without white space around it, ends a sentence: with a mark of C4 and FineWeb, or one of its own
    script."""
    if line[-1:] in _LINE_ENDS:
        return True
    if line.isascii():
        return False
    if _LOOKALIKE_LINE_END.search(line, max(0, len(line) - 2)):
        return True
    return len(line) > _SHORT_LINE and 2 * len(_UNSTOPPED_LETTER.findall(line)) > len(line)


def closes_sentence(text: str) -> bool:
    """Whether a text ends with a mark that ends sentences, or with such a mark and what closes quotations behind it."""
    return ends_sentence(text.rstrip(f"{_QUOTES})]"))


def has_sentences(text: str, count: int) -> bool:
    """Whether as many sentences end in the text."""
    return sum(1 for _ in islice(_ends(text), count)) == count


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends, white space aside: behind what ends one, and at the end of its line. What an
    abbreviation's full stop is, nobody tells."""
    start = 0
    for end in sorted({*_ends(text), *(match.start() for match in _LINE_BREAK.finditer(text)), len(text)}):
        if sentence := text[start:end].strip():
            begins = end - len(text[start:end].lstrip())
            yield begins, begins + len(sentence)
        start = end


def _ends(text: str) -> Iterator[int]:
    found = chain(_SENTENCE_END.finditer(text), () if text.isascii() else _STRETCH_END.finditer(text))
    return (match.end() for match in found)
