"""Rows with the words of a sentence and their tags, or with a text and the spans of its entities."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config.tasks.tag import TagDataConfig
from pipeline.errors import UserError
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.data import count_unread
from train.finetuning.tagging.columns import ENDINGS, read_columns
from train.finetuning.tagging.sentences import TaggedSentence, from_entities, from_words

KNOWN = (
    ("tokens", "tags"),
    ("tokens", "ner_tags"),
    ("words", "tags"),
    ("text", "entities"),
)
"""Fields that are looked for, in this order, where the settings name none."""
_LABELS = ("label", "type", "entity")
"""Names under which an entity has its type."""


def read_tagged(path: RowSource, config: TagDataConfig, unread: Counter[str]) -> Iterator[TaggedSentence]:
    """All sentences of a file or data set.

    Args:
        unread: counts the rows in which a column holds something and is not read.

    Raises:
        UserError: naming all lines that are no sentences.
    """
    if isinstance(path, Path) and path.suffix in ENDINGS:
        return read_columns(path, config)
    fields = None if config.prompt_field is None else (config.prompt_field, config.response_field or "")

    def read(where: str, row: Fields) -> TaggedSentence:
        nonlocal fields
        fields = fields or _find_fields(where, row)
        count_unread(unread, row, fields)
        return _sentence(where, row, *fields)

    return read_each(path, read)


def _find_fields(where: str, row: Fields) -> tuple[str, str]:
    for names in KNOWN:
        if all(name in row for name in names):
            return names
    pairs = ", ".join("/".join(names) for names in KNOWN)
    raise UserError(
        f"{where}: none of the known pairs of fields ({pairs}) is among {', '.join(map(str, row))}; "
        "name them with finetune.data.prompt_field and finetune.data.response_field"
    )


def _sentence(where: str, row: Fields, words: str, tags: str) -> TaggedSentence:
    for field in (words, tags):
        if field not in row:
            raise UserError(f"{where}: the field {field!r} is missing (there: {', '.join(map(str, row))})")
    given, marks = row[words], row[tags]
    if isinstance(given, str):
        return from_entities(given, [_entity(where, mark) for mark in _as_list(where, tags, marks)], where)
    return from_words(
        [_as_text(where, words, word) for word in _as_list(where, words, given)],
        [_as_text(where, tags, tag) for tag in _as_list(where, tags, marks)],
        where,
    )


def _as_list(where: str, field: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise UserError(f"{where}: the field {field!r} must be a list, not {value!r:.80}")
    return value


def _as_text(where: str, field: str, value: Any) -> str:
    """Tags that are numbers, as data sets of the hub have them, count as texts."""
    if not isinstance(value, str | int):
        raise UserError(f"{where}: the field {field!r} must be a list of texts, and has {value!r:.80}")
    return str(value)


def _entity(where: str, mark: Any) -> tuple[int, int, str]:
    label = next((mark[name] for name in _LABELS if name in mark), None) if isinstance(mark, dict) else None
    if (
        not isinstance(label, str)
        or not label
        or not all(isinstance(mark.get(name), int) for name in ("start", "end"))
    ):
        raise UserError(
            f'{where}: an entity is an object such as {{"start": 0, "end": 5, "label": "PER"}}, not {mark!r:.80}'
        )
    return mark["start"], mark["end"], label
