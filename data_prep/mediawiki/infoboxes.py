"""The facts of an article's infobox."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from data_prep.mediawiki.gaps import restore
from data_prep.mediawiki.template_arguments import Arguments, Render, Renderer
from data_prep.mediawiki.templates import expand_templates, split_arguments, template_spans

_NAME = re.compile(
    r"(?:.* )?infobox(?:$|[ /:].*)|infotaula\b.*|info/.*|(?:.* )?taxobox.*|(?:auto|species|drug|chem|geo)box\b.*"
    r"|ficha\b.*|fakta\w*\b.*|personfakta.*|.*карточка.*|.*картка.*|基礎情報.*|.*(?:信息|資訊|资讯)[框欄栏]"
    r"|thông tin .*|hộp thông tin.*|بطاقة .*|صندوق معلومات.*|جعبه .*|bio|divisione amministrativa"
)
_HEAD = re.compile(r"\{\{([^{}|\[\]<>]{1,100})\|")
_LIST_NAMES = frozenset(
    {
        "plainlist",
        "plain list",
        "unbulleted list",
        "ubl",
        "ublist",
        "hlist",
        "flatlist",
        "flat list",
        "ubil",
        "csv",
    }
)
_MOST_FACTS = 1000
"""Of a page: each is cleaned by itself, which has its price. The longest infoboxes have some 300 parameters."""


def infoboxes(text: str, plain: Callable[[str], str], renderer: Renderer) -> list[dict[str, Any]]:
    """Of each infobox that is in no other template, its name and its parameters as plain text.

    Args:
        text: wikitext without tags.
        plain: makes plain text of the wikitext of a value, whose templates are expanded.
        renderer: of the templates of its page.
    """
    if not any(_is_infobox(name) for name in set(_HEAD.findall(text))):
        return []
    of_facts = partial(_fact_renderer, renderer)
    boxes: list[dict[str, Any]] = []
    left = _MOST_FACTS
    for start, end in template_spans(text):
        head = _HEAD.match(text, start)
        if end is None or head is None or not _is_infobox(head[1]):
            continue
        facts: dict[str, str] = {}
        for part in split_arguments(text[start + 2 : end - 2])[1 : 1 + left]:
            key, equals, value = part.partition("=")
            left -= 1
            if equals and (fact := plain(expand_templates(value.strip(), renderer=of_facts))):
                facts[restore(key).strip()] = fact
        if facts:
            boxes.append({"name": _spaced(head[1]), "facts": facts})
    return boxes


def _spaced(name: str) -> str:
    return " ".join(restore(name).replace("_", " ").split())


def _is_infobox(name: str) -> bool:
    return _NAME.fullmatch(_spaced(name).lower()) is not None


def _fact_renderer(renderer: Renderer, name: str) -> Render | None:
    """What shows the words of a template in a value: dates and lists too, which are rare in sentences."""
    if name in _LIST_NAMES:
        return _list
    if "date" in name and name.startswith(("birth", "death", "start", "end", "film", "launch", "release")):
        return _date
    return _url if name == "url" else renderer(name)


def _list(name: str, arguments: Arguments) -> str:
    return "\n" + "\n".join(arguments.all())


def _date(name: str, arguments: Arguments) -> str:
    """``{{birth date and age|1950|1|31}}``: year, month and day as they stand; a second date is for the age."""
    numbers = [value for value in arguments.all()[:3] if value]
    if numbers and all(value.isdecimal() for value in numbers):
        return "-".join(value.zfill(2) for value in numbers)
    return arguments[1]


def _url(name: str, arguments: Arguments) -> str:
    """Without the protocol: a bare URL would be dropped."""
    return arguments[1].partition("://")[2] or arguments[1]
