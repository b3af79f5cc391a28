"""Schemes in which the tags of words mark entities: BIO, BIOES and IO."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from pipeline.errors import UserError

OUTSIDE = "O"
SchemeName = Literal["bio", "bioes", "io", "plain"]

_PREFIXED = re.compile(r"([BIESLUM])-(.+)", re.DOTALL)
_SAME = {"L": "E", "U": "S", "M": "I"}
"""Letters of BILOU and BMES, which mean what those of BIOES do."""


class Entity(NamedTuple):
    """Words [start, end) of a sentence."""

    type: str
    start: int
    end: int


class Scheme(NamedTuple):
    """How the tags of some data mark entities."""

    name: SchemeName
    bare: bool = False
    """In `io`: whether a tag is the type alone, without I-."""

    @property
    def marks_entities(self) -> bool:
        return self.name != "plain"

    def split(self, tag: str) -> tuple[str, str]:
        """A tag's letter and type; ("O", "") outside of entities. What has no letter is an I of its own name."""
        if tag == OUTSIDE:
            return OUTSIDE, ""
        found = None if self.bare else _PREFIXED.fullmatch(tag)
        return ("I", tag) if found is None else (_SAME.get(found[1], found[1]), found[2])

    def entities(self, tags: Sequence[str]) -> list[Entity]:
        """The entities of a sentence, as conlleval reads them: an I or E that goes on with nothing begins one."""
        found: list[Entity] = []
        before = (OUTSIDE, "")
        start = 0
        for place, now in enumerate([*map(self.split, tags), (OUTSIDE, "")]):
            if before[0] != OUTSIDE and _ends(before, now):
                found.append(Entity(before[1], start, place))
            if now[0] != OUTSIDE and (before[0] == OUTSIDE or _ends(before, now)):
                start = place
            before = now
        return found

    def flaws(self, tags: Sequence[str]) -> int:
        """Places at which the tags break the scheme; none in `io` and `plain`, where every sequence is one."""
        if self.name not in ("bio", "bioes"):
            return 0
        pairs = [(OUTSIDE, ""), *map(self.split, tags), (OUTSIDE, "")]
        return sum(self._is_broken(before, now) for before, now in pairwise(pairs))

    def _is_broken(self, before: tuple[str, str], now: tuple[str, str]) -> bool:
        open_before = before[0] in ("B", "I")
        goes_on = now[0] in ("I", "E") and now[1] == before[1]
        if now[0] in ("I", "E") and not (open_before and goes_on):
            return True
        # In BIOES an entity that has begun must come to its E.
        return self.name == "bioes" and open_before and not goes_on

    def write(self, entities: Iterable[Entity], words: int) -> list[str]:
        """The tags of a sentence with these entities."""
        tags = [OUTSIDE] * words
        for type, start, end in entities:
            for place in range(start, end):
                tags[place] = self._tag(type, place == start, place == end - 1)
        return tags

    def _tag(self, type: str, first: bool, last: bool) -> str:
        if self.bare:
            return type
        if self.name == "io":
            return f"I-{type}"
        if self.name == "bioes" and last:
            return f"S-{type}" if first else f"E-{type}"
        return f"B-{type}" if first else f"I-{type}"


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether an entity that the word before belongs to ends with it."""
    return before[0] in ("E", "S") or now[0] in ("B", "S", OUTSIDE) or now[1] != before[1]


def find_scheme(tags: Iterable[str], name: SchemeName | None) -> Scheme:
    """The scheme of data in which these tags occur.

    Args:
        name: of the setting `finetune.scheme`; None goes by the tags.

    Raises:
        UserError: where some tags have the letters of a scheme and others have not.
    """
    occurring = set(tags)
    there = sorted(occurring - {OUTSIDE})
    letters = {tag: found[1] for tag in there if (found := _PREFIXED.fullmatch(tag))}
    if name == "plain":
        return Scheme("plain")
    if name in ("bio", "bioes") or (name is None and letters):
        bare = [tag for tag in there if tag not in letters]
        if bare:
            raise UserError(
                f"the tag {bare[0]!r} has no B- or I- before it, as others have ({next(iter(letters), 'B-…')}); "
                "correct it, or set finetune.scheme=plain where tags mark no entities"
            )
    if name is None:
        if not letters:
            return Scheme("io", bare=True) if OUTSIDE in occurring else Scheme("plain")
        used = {_SAME.get(letter, letter) for letter in letters.values()}
        name = "bioes" if used & {"E", "S"} else "bio" if "B" in used else "io"
    return Scheme(name, bare=name == "io" and not letters)
