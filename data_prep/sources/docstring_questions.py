"""Prompt and response pairs from docstrings, for instruction tuning without any download."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_prep.sources.docstrings import Docstring
from pipeline.formats.source import Split

MOST_OBJECTS = 4000
HELD_OUT = 0.05
"""Share of the objects for validation, and the same for test."""
LONGEST_WITH_QUOTE = 300
"""Characters of a pair whose prompt quotes a docstring: of the demo's tokenizer no more than the 128 tokens that its
model reads."""

_ASK = (
    "What does `{name}` do?",
    "Explain `{name}` in one sentence.",
    "What is `{name}` for?",
    "Describe `{name}` briefly.",
    "In Python, what does `{name}` do?",
)
_SUMMARIZE = (
    "Summarize this docstring in one sentence:\n\n{text}",
    "Give the first line of help for `{name}`, which is documented so:\n\n{text}",
    "What is this documentation about?\n\n{text}",
)
_SENTENCE = re.compile(r"[A-Z][^\n]{20,240}?\.(?=\s|$)")
_UNFINISHED = re.compile(r"(e\.g|i\.e|etc|vs|cf)\.$")
_MARKUP = re.compile(r":[\w:]+:`~?([^`<]+?)(?: <[^`]*>)?`")


@dataclass(frozen=True)
class Question:
    """One pair and the object that it is about."""

    name: str
    prompt: str
    response: str


def questions(docstrings: Iterable[Docstring]) -> list[Question]:
    """Questions about at most `MOST_OBJECTS` objects, chosen and worded by a hash of the object's name.

    Of objects that are summed up in the same words only the first is asked about, so that no answer
    of a held-out question stands in the training split.
    """
    summaries: dict[str, tuple[Docstring, str]] = {}
    for docstring in docstrings:
        summary = first_sentence(docstring.text)
        if summary is not None:
            summaries.setdefault(summary.lower(), (docstring, summary))
    drawn = sorted(summaries.values(), key=lambda pair: stable_fraction("choice", pair[0].name))
    pairs = [
        q
        for docstring, summary in sorted(drawn[:MOST_OBJECTS], key=_name)
        for q in _about(docstring, summary)
    ]
    return list({question.prompt: question for question in pairs}.values())


def first_sentence(text: str) -> str | None:
    """The sentence that a docstring opens with, on one line; None where it opens with something else."""
    paragraph = " ".join(text.split("\n\n", 1)[0].split())
    match = _SENTENCE.match(_MARKUP.sub(r"`\1`", paragraph))
    if match is None or _UNFINISHED.search(match[0]) or ">>>" in match[0]:
        return None
    return match[0]


def write_questions(asked: Iterable[Question], folder: Path) -> dict[Split, int]:
    """Write `<split>.jsonl` for each split, divided by object; returns the numbers of pairs."""
    rows: dict[Split, list[str]] = {"train": [], "validation": [], "test": []}
    for question in asked:
        pair = {"prompt": question.prompt, "response": question.response}
        rows[_split(question.name)].append(json.dumps(pair, ensure_ascii=False) + "\n")
    folder.mkdir(exist_ok=True)
    for split, lines in rows.items():
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return {split: len(lines) for split, lines in rows.items()}


def stable_fraction(purpose: str, name: str) -> float:
    """A number in [0, 1) that depends on the words alone; the same on every machine."""
    digest = hashlib.blake2b(f"{purpose}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _name(pair: tuple[Docstring, str]) -> str:
    return pair[0].name


def _split(name: str) -> Split:
    place = stable_fraction("split", name)
    return "test" if place < HELD_OUT else "validation" if place < 2 * HELD_OUT else "train"


def _about(docstring: Docstring, summary: str) -> list[Question]:
    name, text = docstring.name, docstring.text
    found = [Question(name, _worded(_ASK, name).format(name=name), summary)]
    if 2 * len(summary) < len(text):
        prompt = _worded(_SUMMARIZE, name).replace("{name}", name).replace("{text}", text)
        if len(prompt) + len(summary) <= LONGEST_WITH_QUOTE:
            found.append(Question(name, prompt, summary))
    return found


def _worded(phrasings: tuple[str, ...], name: str) -> str:
    return phrasings[int(stable_fraction("wording", name) * len(phrasings))]
