"""Templates: which text between double braces goes, and which leaves words behind."""

import re
import sys

from data_prep.mediawiki.gaps import close_gap
from data_prep.mediawiki.prose_templates import renderer as prose_renderer
from data_prep.mediawiki.template_arguments import Arguments, Renderer

_BRACES = re.compile(r"\{\{+|\}\}+")
_NAME = re.compile(r"\s*([^{}|\[\]<>\n]{0,80})")
_ARGUMENT_MARK = re.compile(r"\[\[|\]\]|\{\{|\}\}|\|")

_MAX_DEPTH = 5
"""Nested templates with words in them; each level reads its content once more, so this bounds the work."""


def expand_templates(text: str, depth: int = 0, renderer: Renderer = prose_renderer) -> str:
    """Replace each outermost template by its words: of most templates there are none.

    Braces are matched as MediaWiki does, innermost first. An opening that is never closed hides the rest of
    its line: it is a template that somebody broke.
    """
    if "{{" not in text:
        return text
    out: list[str] = []
    position = 0
    for start, end in template_spans(text):
        if start < position:
            continue
        if position < start:
            out.append(text[position:start])
        if end is None:
            line_end = text.find("\n", start)
            position = len(text) if line_end < 0 else line_end
            continue
        if depth < _MAX_DEPTH and (words := _words(text, start, end, depth, renderer)):
            out.append(words)
            position = end
        else:
            position = close_gap(out, text, end)
    out.append(text[position:])
    return "".join(out)


def template_spans(text: str) -> list[tuple[int, int | None]]:
    """The spans of the templates that are in no other, in order; the end is None for one never closed."""
    spans: list[tuple[int, int | None]] = []
    opened: list[list[int]] = []  # of each run of opening braces: where it begins, how many are unmatched
    for match in _BRACES.finditer(text):
        start, end = match.span()
        if text[start] == "{":
            opened.append([start, end - start])
            continue
        while opened and end - start >= 2:
            run = opened[-1]
            # Three on both sides are a template's parameter.
            matched = 3 if run[1] >= 3 and end - start >= 3 else 2
            run[1] -= matched
            start += matched
            opening = run[0] + run[1]
            while spans and spans[-1][0] > opening:
                spans.pop()
            spans.append((opening, start))
            if run[1] < 2:
                opened.pop()
    if opened:
        spans += [(start, None) for start, _ in opened]
        spans.sort(key=lambda span: span[0])
    return spans


def template_names(text: str) -> list[str]:
    """The names of the templates that are in no other, as they stand there."""
    starts = [start for start, end in template_spans(text) if end is not None and text[start + 2] not in "{#"]
    return [name for start in starts if (name := _name_at(text, start).strip())]


def _name_at(text: str, start: int, end: int = sys.maxsize) -> str:
    """What stands where the name of the template at `start` belongs, perhaps nothing."""
    found = _NAME.match(text, start + 2, end)
    return found[1] if found else ""


def _words(text: str, start: int, end: int, depth: int, renderer: Renderer) -> str:
    """What a reader sees of the template in ``text[start:end]``."""
    if text.startswith("{{{", start):
        return _parameter_default(text[start + 3 : end - 3], depth, renderer)
    name = _name_at(text, start, end - 2).replace("_", " ").strip().lower()
    render = renderer(name)
    if render is None:
        return ""
    content = text[start + 2 : end - 2]
    if ":" in name:
        # A parser function: what follows the colon is its first argument.
        content = name.split(":")[0] + "|" + content.split(":", 1)[1]
    inner = Arguments(
        split_arguments(content)[1:], lambda value: expand_templates(value, depth + 1, renderer)
    )
    return render(name, inner)


def _parameter_default(content: str, depth: int, renderer: Renderer) -> str:
    """``{{{name|default}}}`` outside a template shows its default."""
    parts = split_arguments(content)
    return expand_templates(parts[1], depth + 1, renderer) if len(parts) > 1 else ""


def split_arguments(content: str) -> list[str]:
    """Split at the pipes that are in no link and no inner template."""
    if "[[" not in content and "{{" not in content:
        return content.split("|")
    parts: list[str] = []
    nesting = start = 0
    for match in _ARGUMENT_MARK.finditer(content):
        mark = match[0]
        if mark == "|":
            if nesting == 0:
                parts.append(content[start : match.start()])
                start = match.end()
        elif mark in "[[{{":
            nesting += 1
        elif nesting:
            nesting -= 1
    parts.append(content[start:])
    return parts
