"""From the facts of all templates of a wiki to the rules that cleaning its pages needs.

A template is learned where it shows words of the sentence that it stands in, or nothing at all. Boxes, notices and
citations, and what a module of Lua shows, are left to the tables of `prose_templates`, or go.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from data_prep.mediawiki.magic_words import is_page_word
from data_prep.mediawiki.prose_templates import renderer
from data_prep.mediawiki.template_facts import TemplateFact
from data_prep.mediawiki.template_prose import Shown, is_prose
from data_prep.mediawiki.template_rules import Rule

_MOST_CHAIN = 30
"""Templates that use each other, as they are resolved."""
_WORD = re.compile(r"\w")
_NOTHING = Shown()


class TemplateLearner:
    """Resolves what templates say of each other."""

    def __init__(self, facts: Iterable[TemplateFact] = ()) -> None:
        self._facts: dict[str, TemplateFact] = {}
        self._rules: dict[str, Rule | None] = {}
        self._shown: dict[str, Shown] = {}
        self._open: set[str] = set()
        for fact in facts:
            self.add(fact)

    def add(self, fact: TemplateFact) -> None:
        """Take in a template, before rules are asked for. Of those whose names differ in case alone one is kept."""
        known = self._facts.get(fact.name)
        if known is None or fact.capitals < known.capitals:
            self._facts[fact.name] = fact

    def rules(self) -> dict[str, Rule]:
        """By name; of templates that nothing can be said of there are none."""
        names = sorted(self._facts)
        return {name: rule for name in names if (rule := self._resolve(name)) is not None}

    def disambiguations(self) -> list[str]:
        """The templates that mark a page as one, by themselves or through another one."""
        marked = {name for name, fact in self._facts.items() if fact.is_disambiguation}
        users: dict[str, list[str]] = {}
        for name, fact in self._facts.items():
            for used in (fact.redirect, *fact.calls):
                if used:
                    users.setdefault(used, []).append(name)
        waiting = sorted(marked)
        while waiting:
            for user in users.get(waiting.pop(), ()):
                if user not in marked:
                    marked.add(user)
                    waiting.append(user)
        return sorted(marked)

    def _resolve(self, name: str) -> Rule | None:
        if name in self._rules:
            return self._rules[name]
        fact = self._facts.get(name)
        if fact is None or name in self._open or len(self._open) > _MOST_CHAIN:
            return None
        self._open.add(name)
        rule = self._judge(name, fact)
        self._open.remove(name)
        self._rules[name] = rule
        return rule

    def _judge(self, name: str, fact: TemplateFact) -> Rule | None:
        if fact.redirect is not None:
            target = self._resolve(fact.redirect)
            shown = self._shown.get(fact.redirect, _NOTHING)
            self._shown[name] = replace(shown, depth=shown.depth + 1)
            return ["as", fact.redirect] if target != "" and self._is_known(fact.redirect) else target
        if fact.rule is None:
            return None
        is_whole = [True]
        rule = self._prune(json.loads(fact.rule), is_whole)
        shown = self._measure(rule)
        self._shown[name] = shown
        if not shown.is_visible:
            return "" if is_whole[0] else None
        return rule if shown.is_cheap() and is_prose(shown, rule) else None

    def _is_known(self, name: str) -> bool:
        """Whether a template that was resolved shows something; one that uses itself is never resolved."""
        if name in self._facts and name not in self._rules:
            return False
        return self._rules.get(name) is not None or renderer(name) is not None

    def _prune(self, rule: Rule, is_whole: list[bool]) -> Rule:
        """The rule without the templates of which nothing is known, which make it no whole one."""
        match rule:
            case ["all", *parts]:
                pruned = [part for part in (self._prune(part, is_whole) for part in parts) if part != ""]
                return ["all", *pruned] if len(pruned) > 1 else pruned[0] if pruned else ""
            case ["argument", name, default]:
                return ["argument", name, self._prune(default, is_whole)]
            case ["if", condition, then, otherwise]:
                branches = [self._prune(then, is_whole), self._prune(otherwise, is_whole)]
                return ["if", self._prune(condition, [True]), *branches] if any(branches) else ""
            case ["switch", subject, default, *cases]:
                pruned = [
                    [self._prune(value, [True]), self._prune(result, is_whole)] for value, result in cases
                ]
                return ["switch", self._prune(subject, [True]), self._prune(default, is_whole), *pruned]
            case ["known", name, given]:
                return ["known", name, {key: self._prune(value, is_whole) for key, value in given.items()}]
            case ["use", name, given]:
                used = self._resolve(name)
                if used == "":
                    return ""
                if not self._is_known(name) and not is_page_word(name):
                    is_whole[0] = False
                    return ""
                return ["use", name, {key: self._prune(value, is_whole) for key, value in given.items()}]
        return rule

    def _measure(self, rule: Rule) -> Shown:
        shown = self._measure_step(rule)
        return replace(shown, steps=shown.steps + 1, depth=shown.depth + 1)

    def _measure_step(self, rule: Rule) -> Shown:
        match rule:
            case str():
                wide = sum(unicodedata.east_asian_width(character) in "WF" for character in rule)
                letters = len(_WORD.findall(rule)) + wide
                return Shown(letters=letters, is_visible=bool(rule.strip()))
            case ["all", *parts]:
                total = _NOTHING
                for part in parts:
                    total += self._measure(part)
                return total
            case ["argument", name, default]:
                return Shown(Counter([name]), 0, True) | self._measure(default)
            case ["if", condition, then, otherwise]:
                return (self._measure(then) | self._measure(otherwise)) + self._measure(condition).hidden()
            case ["switch", subject, default, *cases]:
                most, decided = self._measure(default), self._measure(subject).hidden()
                for value, result in cases:
                    most |= self._measure(result)
                    decided += self._measure(value).hidden()
                return most + decided
            case ["use", name, given]:
                return self._measure_use(name, given)
            case ["known", _, given]:
                return sum(map(self._measure, given.values()), start=_NOTHING)
            case ["as" | "known", _]:
                return Shown(Counter(["*"]), 0, True)
        raise ValueError(f"no rule: {rule!r}")

    def _measure_use(self, name: str, given: dict[str, Any]) -> Shown:
        if is_page_word(name):
            return Shown(is_visible=True)
        inner = self._shown.get(name) if self._rules.get(name) is not None else None
        total = (
            replace(inner, arguments=Counter(), is_visible=inner.is_visible and not inner.arguments)
            if inner
            else _NOTHING
        )
        for key, value in given.items():
            shown = self._measure(value)
            times = inner.arguments[key] + inner.arguments["*"] if inner else 1
            total += shown if times == 1 else shown + shown if times else shown.hidden()
        return total
