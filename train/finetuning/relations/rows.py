"""Texts with two spans and their relation."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.config.tasks.relate import RelateDataConfig
from pipeline.errors import UserError
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.data import Example, count_unread
from train.finetuning.tagging.sentences import from_words

TEXTS = ("text", "sentence", "tokens", "token")
RELATIONS = ("relation", "label")
TACRED = ("subj_start", "subj_end", "obj_start", "obj_end")
"""Numbers of words, the ends included."""
_TAG = re.compile(r"</?e[12]>")

Span = tuple[int, int]


@dataclass(frozen=True)
class Relation(Example):
    """A text with two spans in characters; `targets` is their relation."""

    head: Span
    tail: Span

    @property
    def key(self) -> str:
        """The same text may be asked about other parts of it."""
        return f"{self.source}\n{self.head}\n{self.tail}"

    @property
    def encoded(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    def flaw(self) -> str:
        return "" if self.targets else "they have no relation"


def read_relations(path: RowSource, config: RelateDataConfig, unread: Counter[str]) -> Iterator[Relation]:
    """All rows of a file or data set.

    Args:
        unread: counts the rows in which a column holds something and is not read.

    Raises:
        UserError: naming all lines that are no such rows.
    """

    def read(where: str, row: Fields) -> Relation:
        text = config.prompt_field or next((name for name in TEXTS if name in row), TEXTS[0])
        relation = config.response_field or next((name for name in RELATIONS if name in row), RELATIONS[0])
        for field in (text, relation):
            if field not in row:
                raise UserError(
                    f"{where}: the field {field!r} is missing (there: {', '.join(map(str, row))}); name the fields "
                    "with finetune.data.prompt_field and finetune.data.response_field"
                )
        source, head, tail, used = _spans(where, row, row[text], config)
        label = row[relation]
        if not isinstance(label, str | int | None):
            raise UserError(f"{where}: the field {relation!r} must be a label, not {label!r:.80}")
        targets = () if label is None or not str(label).strip() else (str(label).strip(),)
        count_unread(unread, row, {text, relation, *used})
        return Relation(source, targets, head, tail)

    return read_each(path, read)


def _spans(where: str, row: Fields, text: Any, config: RelateDataConfig) -> tuple[str, Span, Span, set[str]]:
    """The text, its two spans, and the fields that they are read from."""
    if isinstance(text, str) and config.head_field not in row and _TAG.search(text):
        return *_tagged(where, text), set()
    spans: list[Span]
    if config.head_field not in row and all(isinstance(row.get(name), int) for name in TACRED):
        spans = [(row["subj_start"], row["subj_end"] + 1), (row["obj_start"], row["obj_end"] + 1)]
        used = {*TACRED}
    else:
        used = {config.head_field, config.tail_field}
        spans = [_span(where, name, row.get(name)) for name in (config.head_field, config.tail_field)]
    if isinstance(text, list):
        sentence = from_words([str(word) for word in text], ["O"] * len(text), where)
        for start, end in spans:
            _check(where, start, end, len(text), "words")
        spans = [(sentence.spans[start][0], sentence.spans[end - 1][1]) for start, end in spans]
        text = sentence.source
    if not isinstance(text, str):
        raise UserError(f"{where}: the text must be a text or a list of words, not {text!r:.80}")
    head, tail = spans
    for start, end in spans:
        _check(where, start, end, len(text), "characters")
    if head[0] < tail[1] and tail[0] < head[1]:
        raise UserError(
            f"{where}: the two parts overlap ({text[slice(*head)]!r} and {text[slice(*tail)]!r}); mark two "
            "others"
        )
    return text, head, tail, used


def _span(where: str, field: str, value: Any) -> Span:
    if isinstance(value, dict):
        value = [value.get("start"), value.get("end")]
    if isinstance(value, list) and len(value) == 2 and all(isinstance(place, int) for place in value):
        return value[0], value[1]
    raise UserError(
        f'{where}: the field {field!r} must be a span such as {{"start": 0, "end": 5}} or [0, 5], not {value!r:.80}'
    )


def _check(where: str, start: int, end: int, size: int, units: str) -> None:
    if not 0 <= start < end <= size:
        raise UserError(f"{where}: the span from {start} to {end} is no part of a text of {size} {units}")


def _tagged(where: str, text: str) -> tuple[str, Span, Span]:
    """Of a text with <e1>…</e1> and <e2>…</e2>, as SemEval-2010 task 8 has them."""
    plain = ""
    places: dict[str, int] = {}
    end = 0
    for tag in _TAG.finditer(text):
        plain += text[end : tag.start()]
        places[tag[0]] = len(plain)
        end = tag.end()
    plain += text[end:]
    try:
        spans = [(places[f"<e{number}>"], places[f"</e{number}>"]) for number in (1, 2)]
    except KeyError as missing:
        raise UserError(
            f"{where}: the text has no {missing.args[0]}; mark both parts, <e1>…</e1> and <e2>…</e2>"
        ) from None
    for start, stop in spans:
        _check(where, start, stop, len(plain), "characters")
    return plain, spans[0], spans[1]
