"""What the page of a template says by itself."""

import json
from dataclasses import dataclass

from data_prep.mediawiki.disambiguation import marks_disambiguation
from data_prep.mediawiki.dump import Page
from data_prep.mediawiki.template_rules import RuleReader, normalize_name
from data_prep.mediawiki.template_source import transcluded
from data_prep.mediawiki.templates import template_names

_MOST_RULE = 2_000
"""Characters of a rule."""
_MOST_CALLS = 12
_MOST_CALLER = 1_000
"""Characters of a source: what only passes on that a page is a disambiguation is short."""


@dataclass(frozen=True, slots=True)
class TemplateFact:
    """What a template's page says by itself."""

    name: str
    capitals: int
    """Of the title, by which titles that differ in case alone are told apart."""
    redirect: str | None = None
    rule: str | None = None
    """As JSON, since that takes a fourth of the memory."""
    is_disambiguation: bool = False
    calls: tuple[str, ...] = ()
    """The first templates that it uses, where it is short."""


def read_fact(page: Page, reader: RuleReader) -> TemplateFact:
    """Of a page of the template namespace."""
    title = page.title.partition(":")[2]
    name, capitals = normalize_name(title), sum(character.isupper() for character in title[1:])
    if page.redirect is not None:
        return TemplateFact(name, capitals, redirect=normalize_name(page.redirect.partition(":")[2]))
    source = transcluded(page.text)
    read = reader.read(source)
    rule = None if read is None else json.dumps(read, ensure_ascii=False)
    calls = template_names(source) if len(source) <= _MOST_CALLER else []
    return TemplateFact(
        name,
        capitals,
        rule=rule if rule and len(rule) <= _MOST_RULE else None,
        is_disambiguation=marks_disambiguation(source),
        calls=tuple(map(normalize_name, calls[:_MOST_CALLS])),
    )
