"""Whether a template shows words of the sentence that it stands in: its arguments, with little around them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from data_prep.mediawiki.template_rules import Rule

_MOST_CONSTANT_LETTERS = 16
_MOST_LETTERS = 12
"""That a template puts beside its arguments: more is a notice, or a pointer to another article."""
_MOST_ARGUMENTS = 8
"""Shown at a time, and of those that have names, three (a quotation's text, author and source): more is a citation."""
_MOST_NAMED = 3
_MOST_STEPS, _MOST_DEPTH = 500, 30


@dataclass(frozen=True)
class Shown:
    """The most that a rule may show, and what it costs."""

    arguments: Counter[str] = field(default_factory=Counter)
    """How often each is shown."""
    letters: int = 0
    """Of its own."""
    is_visible: bool = False
    steps: int = 0
    """To apply it, those of the templates that it uses included."""
    depth: int = 0
    """Of the steps in each other."""

    def __add__(self, other: "Shown") -> "Shown":
        """Both, one after the other."""
        return Shown(
            self.arguments + other.arguments,
            self.letters + other.letters,
            self.is_visible or other.is_visible,
            self.steps + other.steps,
            max(self.depth, other.depth),
        )

    def __or__(self, other: "Shown") -> "Shown":
        """One of both."""
        both = self + other
        return replace(
            both, arguments=self.arguments | other.arguments, letters=max(self.letters, other.letters)
        )

    def hidden(self) -> "Shown":
        """Where it only decides what is shown."""
        return Shown(steps=self.steps, depth=self.depth)

    def is_cheap(self) -> bool:
        """Whether a page may apply the rule as often as it likes."""
        return self.steps <= _MOST_STEPS and self.depth <= _MOST_DEPTH


def is_prose(shown: Shown, rule: Rule) -> bool:
    """Whether what a rule shows is words of a sentence, or a quotation; no argument may be shown twice."""
    texts = list(_texts(rule))
    if any("|" in text for text in texts):
        return False
    counts = shown.arguments
    if not counts:
        is_note = "".join(texts).startswith(("[", "(", "（", "\n"))
        return shown.letters <= _MOST_CONSTANT_LETTERS and not is_note
    is_block = any("\n\n" in text for text in texts)
    return (
        max(counts.values()) == 1
        and len(counts) <= _MOST_ARGUMENTS
        and sum(not name.isdigit() for name in counts) <= _MOST_NAMED
        and ("*" not in counts or len(counts) == 1)
        and shown.letters <= (0 if is_block else _MOST_LETTERS)
    )


def _texts(rule: Rule) -> Iterator[str]:
    """What the rule holds of text of its own, names included."""
    if isinstance(rule, str):
        yield rule
    elif rule[0] == "argument":
        yield from _texts(rule[2])
    elif rule[0] in ("use", "as", "known"):
        for given in rule[2:]:
            yield from chain(*map(_texts, given.values()))
    else:
        for part in rule[1:]:
            yield from (
                _texts(part)
                if isinstance(part, str) or isinstance(part[0], str)
                else chain(*map(_texts, part))
            )
