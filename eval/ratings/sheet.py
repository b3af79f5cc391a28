"""The page on which people judge texts without knowing whose they are: one HTML file, offline."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from markupsafe import Markup

from eval.ratings.answers import FORMAT
from eval.ratings.wording import WORDING
from eval.ratings.written import Written
from eval.reporting.pages import render

Language = Literal["en", "zh"]


class Item(NamedTuple):
    """What is judged at once: one text, or two for the same prompt."""

    prompt: str
    texts: list[Written]


def pair_items(pairs: Sequence[tuple[Written, Written]], most: int, seed: int) -> list[Item]:
    """Pairs in random order, each with a random one of the two at the left; of equal texts there is nothing to say."""
    draw = np.random.default_rng(seed)
    different = [pair for pair in pairs if pair[0].text != pair[1].text]
    chosen = draw.permutation(len(different))[:most]
    return [
        Item(different[row][0].shown, list(different[row][:: 1 if draw.random() < 0.5 else -1]))
        for row in chosen
    ]


def single_items(texts: Sequence[Sequence[Written]], most: int, seed: int) -> list[Item]:
    """Each run's texts for the same prompts, one by one in random order.

    Args:
        texts: of each run, for the same prompts in the same order.
        most: prompts.
    """
    draw = np.random.default_rng(seed)
    prompts = draw.permutation(len(texts[0]))[:most]
    found = {text.digest: text for row in prompts for text in (run[row] for run in texts)}
    items = [Item(text.shown, [text]) for text in found.values()]
    return [items[row] for row in draw.permutation(len(items))]


def sheet_page(
    items: Sequence[Item],
    kind: Literal["pairs", "likert"],
    scale: int,
    language: Language,
    question: str | None,
) -> str:
    """The HTML page. Nothing in it says which run a text is of."""
    shown = [
        {"prompt": item.prompt, "texts": [{"digest": text.digest, "text": text.text} for text in item.texts]}
        for item in items
    ]
    wording = dict(WORDING[language])
    if question:
        wording[kind] = question
    content = json.dumps(shown, ensure_ascii=False)
    sheet: dict[str, Any] = {
        "format": FORMAT,
        "sheet": hashlib.sha256(content.encode()).hexdigest()[:12],
        "kind": kind,
        "scale": scale,
        "items": shown,
        "wording": wording,
    }
    values = {
        "wording": wording,
        "language": {"en": "en", "zh": "zh-Hans"}[language],
        "kind": kind,
        "sheet": _in_html(sheet),
    }
    return render("ratings.html.j2", values, "ratings.js")


def _in_html(value: Any) -> Markup:
    """JSON within a script element: no text of a model can end it."""
    text = json.dumps(value, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
