"""Sentences with a tag for each word, and how words stand in a text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.errors import UserError
from pipeline.text.counts import counted
from train.finetuning.data import Example
from train.finetuning.tagging.schemes import Entity, Scheme

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+|[^\w\s]")
"""A character of Chinese or Japanese, a run of other letters and digits, or a single sign."""
_JOINED = re.compile(rf"[{_IDEOGRAPHS}]")


@dataclass(frozen=True)
class TaggedSentence(Example):
    """A sentence; `source` is its text and `targets` are its tags as they stand in the data, one for each word."""

    spans: tuple[tuple[int, int], ...]
    """Of each word, where in the text it begins and ends, in characters."""
    where: str
    """File and line, for messages."""
    widened: int = 0
    """Entities that began or ended inside a word, and were widened to it."""

    @property
    def words(self) -> list[str]:
        return [self.source[start:end] for start, end in self.spans]

    @property
    def encoded(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    def flaw(self) -> str:
        return "" if self.targets else "they have no words"


def from_words(words: Sequence[str], tags: Sequence[str], where: str) -> TaggedSentence:
    """A sentence of separate words, written with spaces, but none between characters of Chinese or Japanese.

    Raises:
        UserError: where words and tags are not as many, or one is empty.
    """
    if len(words) != len(tags):
        raise UserError(
            f"{where}: {counted(len(words), 'word has', 'words have')} {counted(len(tags), 'tag')}; "
            "give each word one tag"
        )
    text = ""
    spans: list[tuple[int, int]] = []
    for number, (word, tag) in enumerate(zip(words, tags, strict=True), 1):
        if not word.strip() or not tag.strip():
            raise UserError(f"{where}: word {number} ({word!r}) or its tag ({tag!r}) is empty; correct it")
        word = word.strip()
        if text and not (_JOINED.match(text[-1]) and _JOINED.match(word[0])):
            text += " "
        spans.append((len(text), len(text) + len(word)))
        text += word
    return TaggedSentence(text, tuple(tag.strip() for tag in tags), tuple(spans), where)


def split_words(text: str) -> list[tuple[int, int]]:
    """Where the words of a running text begin and end."""
    return [match.span() for match in _WORD.finditer(text)]


def from_entities(text: str, entities: Sequence[tuple[int, int, str]], where: str) -> TaggedSentence:
    """A running text with its entities: start, end and type of each, in characters. It is tagged in BIO.

    Raises:
        UserError: where an entity lies outside of the text, holds no word of it, or overlaps with another.
    """
    for start, end, type in entities:
        if not 0 <= start < end <= len(text):
            raise UserError(
                f"{where}: the entity {type} from {start} to {end} is no part of a text of {len(text)} characters"
            )
    ordered = sorted(entities)
    for (start, end, type), (later, _, other) in pairwise(ordered):
        if later < end:
            raise UserError(
                f"{where}: the entities {type} ({text[start:end]!r}, from {start} to {end}) and {other} (from {later}) "
                "overlap; a word can have one tag, so leave one of them out"
            )
    spans = split_words(text)
    found: list[Entity] = []
    widened = 0
    for start, end, type in ordered:
        inside = [place for place, (a, b) in enumerate(spans) if a < end and b > start]
        if not inside:
            raise UserError(
                f"{where}: the entity {type} from {start} to {end} holds no word: {text[start:end]!r}"
            )
        first, last = inside[0], inside[-1] + 1
        if found and first < found[-1].end:
            raise UserError(
                f"{where}: the entities {found[-1].type} and {type} share the word "
                f"{text[slice(*spans[first])]!r}; a word can have one tag, so leave one of them out"
            )
        edges = (text[start:end], text[spans[first][0] : spans[last - 1][1]])
        widened += edges[0].strip() != edges[1]
        found.append(Entity(type, first, last))
    tags = Scheme("bio").write(found, len(spans))
    return TaggedSentence(text, tuple(tags), tuple(spans), where, widened)
