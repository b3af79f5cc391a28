"""What a template shows, as a rule that is learned from its source.

A rule is a string; or a list that begins with what it is, so that it can be kept as JSON:

=============================================  =====================================================================
``["all", rule, …]``                           one after the other
``["argument", name, default]``                an argument of the template; the default is a rule
``["if", condition, then, else]``              by whether the condition shows anything
``["switch", subject, default, [value, rule]…]``  by what the subject shows
``["use", template, {name: rule}]``            another template with these arguments
``["as", template]``                           what another template shows of the same arguments
``["known", name]``                            what the tables of `prose_templates` show of them
``["known", name, {name: rule}]``              and of other arguments
=============================================  =====================================================================
"""

import re
from typing import Any

from data_prep.mediawiki.magic_words import is_page_word
from data_prep.mediawiki.namespaces import LinkPrefixes
from data_prep.mediawiki.parser_functions import parser_function
from data_prep.mediawiki.template_source import visible_text
from data_prep.mediawiki.templates import split_arguments, template_spans

Rule = str | list[Any]

MOST_CHARACTERS = 6_000
"""Of a source that is read: what only shows its arguments is far shorter."""
_MOST_DEPTH = 10
_HOLE = re.compile("\ue000(\\d+)\ue001")
_LABEL = re.compile("\\[\\[([^\\[\\]|]*)\ue000(\\d+)\ue001\\]\\]")
_UNSAFE = re.compile(r"[{}|<>]|\[\[|\]\]|[\x00-\x08]")
_ARGUMENT_NAME = re.compile(r"\s*+([^{}\[\]<>|=]{0,40}?)\s*")
_CASE_FUNCTIONS = frozenset({"lc", "uc", "lcfirst", "ucfirst", "formatnum", "nowrap"})
_MODULES = frozenset({"convert", "val", "lang", "nihongo", "interlanguage link", "chem2", "sortname"})
"""Whose names are those of templates that `prose_templates` knows."""
_SHOWN_TAGS = frozenset(
    {"span", "nowiki", "syntaxhighlight", "source", "poem", "sub", "small", "code", "kbd", "div"}
)


class UnreadableError(Exception):
    """A source that no rule can be learned from."""


class RuleReader:
    """Learns rules from the sources of one wiki's templates."""

    def __init__(self, prefixes: LinkPrefixes) -> None:
        self._prefixes = prefixes

    def read(self, source: str) -> Rule | None:
        """The rule of what is transcluded; None where there is no reading it, as of a table or a long page."""
        if len(source) > MOST_CHARACTERS:
            return None
        try:
            return self._rule(source, 0)
        except UnreadableError:
            return None

    def _rule(self, source: str, depth: int) -> Rule:
        if depth > _MOST_DEPTH:
            raise UnreadableError
        holes: list[Rule] = []
        out: list[str] = []
        position = 0
        for start, end in template_spans(source):
            if end is None:
                raise UnreadableError
            out.append(source[position:start])
            position = end
            rule = self._braces(source[start:end], depth + 1)
            if rule in ("|", "="):
                out.append(rule)
            elif rule != "":
                out.append(f"\ue000{len(holes)}\ue001")
                holes.append(rule)
        out.append(source[position:])
        text = _LABEL.sub(lambda link: _optional_label(link, holes), "".join(out))
        is_label = depth > 0 and text.startswith("|")
        text = visible_text(text.removeprefix("|") if is_label else text, self._prefixes)
        if text is None or _UNSAFE.search(text):
            raise UnreadableError
        parts: list[Rule] = ["|"] if is_label else []
        for number, part in enumerate(_HOLE.split(text)):
            if part:
                parts.append(holes[int(part)] if number % 2 else part)
        return parts[0] if len(parts) == 1 else ["all", *parts] if parts else ""

    def _braces(self, source: str, depth: int) -> Rule:
        """The rule of one template, parameter or parser function with its braces."""
        if source.startswith("{{{") and source.endswith("}}}"):
            name, *rest = split_arguments(source[3:-3])
            default = self._rule(rest[0].strip(), depth) if rest else ""
            if not (named := _ARGUMENT_NAME.fullmatch(name)):
                return default
            return ["argument", named[1], default]
        head, *rest = split_arguments(source[2:-2])
        name, colon, first = head.strip().partition(":")
        if name.startswith("#"):
            return self._function(parser_function(name[1:]), [first, *rest], depth)
        if colon:
            return self._rule(first.strip(), depth) if name.lower() in _CASE_FUNCTIONS else ""
        name = normalize_name(name)
        if name in ("!", "=") and not rest:
            return {"!": "|"}.get(name, name)
        if is_page_word(name):
            return ["use", name, {}]
        if not _ARGUMENT_NAME.fullmatch(name):
            return ""
        return ["use", name, self._arguments(rest, depth)]

    def _arguments(self, parts: list[str], depth: int) -> dict[str, Rule]:
        arguments: dict[str, Rule] = {}
        count = 0
        for part in parts:
            name, equals, value = part.partition("=")
            if not equals or not (named := _ARGUMENT_NAME.fullmatch(name)):
                count += 1
                name, value = str(count), part
            else:
                name = named[1]
            try:
                arguments[name] = self._rule(value.strip(), depth)
            except UnreadableError:
                arguments[name] = ""  # of a box, or a list: its template shows what it likes of it
        return arguments

    def _function(self, name: str, parts: list[str], depth: int) -> Rule:
        def part(index: int) -> Rule:
            return self._rule(parts[index].strip(), depth) if index < len(parts) else ""

        if name == "if":
            return ["if", self._condition(parts[0], depth), part(1), part(2)]
        if name == "ifeq":
            if len(parts) < 3:
                return ""
            return [
                "switch",
                self._condition(parts[0], depth),
                part(3),
                [self._condition(parts[1], depth), part(2)],
            ]
        if name == "switch":
            return self._switch(parts, depth)
        if name == "ifexist":
            return part(1) or part(2)
        if name == "iferror":
            return part(2) or part(0)
        if name == "tag":
            return part(1) if parts[0].strip().lower() in _SHOWN_TAGS else ""
        if name == "invoke":
            module = normalize_name(parts[0])
            function = normalize_name(parts[1]) if len(parts) > 1 else ""
            if module not in _MODULES:
                return ["use", "", {}]  # nobody knows what it shows
            known = function if module == "lang" and function != "lang" else module
            return ["known", known, *([self._arguments(parts[2:], depth)] if len(parts) > 2 else [])]
        return ["use", "", {}]

    def _condition(self, source: str, depth: int) -> Rule:
        try:
            return self._rule(source.strip(), depth)
        except UnreadableError:
            return ""

    def _switch(self, parts: list[str], depth: int) -> Rule:
        cases: list[Rule] = []
        values: list[str] = []  # that fall through to the next rule
        default: Rule = ""
        for index, part in enumerate(parts[1:], 1):
            value, equals, result = _case(part)
            if not equals:
                values.append(value.strip())
                if index == len(parts) - 1:
                    default = self._rule(value.strip(), depth)
                continue
            rule = self._rule(result.strip(), depth)
            for name in (*values, value.strip()):
                if name.lower() == "#default":
                    default = rule
                else:
                    cases.append([self._condition(name, depth), rule])
            values = []
        return ["switch", self._condition(parts[0], depth), default, *cases]


def _case(part: str) -> tuple[str, str, str]:
    """A case of ``#switch`` at its equals sign, which stands outside of any braces."""
    value, equals, result = part.partition("=")
    return (value, equals, result) if value.count("{{") == value.count("}}") else (part, "", "")


def _optional_label(link: re.Match[str], holes: list[Rule]) -> str:
    """``[[target{{#if:{{{2|}}}|{{!}}{{{2}}}}}]]`` shows a label where there is one, else the target."""
    rule, target = holes[int(link[2])], link[1]
    if rule[0] != "if" or not _begins_with_pipe(rule[2]):
        return link[0]
    parts = [
        holes[int(part)] if number % 2 else part for number, part in enumerate(_HOLE.split(target)) if part
    ]
    shown = [_without_pipe(branch) if _begins_with_pipe(branch) else ["all", *parts] for branch in rule[2:]]
    holes.append(["if", rule[1], *shown])
    return f"\ue000{len(holes) - 1}\ue001"


def _begins_with_pipe(rule: Rule) -> bool:
    return rule == "|" or (isinstance(rule, list) and rule[:2] == ["all", "|"])


def _without_pipe(rule: Rule) -> Rule:
    return "" if rule == "|" else ["all", *rule[2:]]


def normalize_name(name: str) -> str:
    """A template's name as names are compared."""
    return " ".join(name.replace("_", " ").split()).lower()
