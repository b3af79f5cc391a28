"""Rows of texts, or of pairs of texts, with their labels or numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config.tasks.classify import ClassifyDataConfig
from pipeline.errors import UserError
from pipeline.formats.row_faults import faults_together
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.data import EXAMPLES, Example, count_unread, texts_in

SINGLES = ("text", "sentence")
"""Fields of a text that are looked for, after those of pairs."""
PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text", "text_pair"),
)
LABELS = ("label", "labels", "score")


@dataclass(frozen=True)
class LabelledText(Example):
    """A text or two with labels; `targets` are the labels, or the number, as text."""

    second: str | None = None
    """Of a pair; `source` is the first then."""
    several: bool = False
    """Whether the labels are a list, so that there may be any number of them."""

    @property
    def texts(self) -> "str | tuple[str, str]":
        """As it is encoded."""
        return self.source if self.second is None else (self.source, self.second)

    @property
    def shown(self) -> str:
        """As people read it."""
        return self.source if self.second is None else f"{self.source}\n{self.second}"

    @property
    def encoded(self) -> tuple[str, ...]:
        return (self.source,) if self.second is None else (self.source, self.second)

    @property
    def key(self) -> str:
        return self.shown

    @property
    def flaw(self) -> str:
        if not self.source.strip() or self.second == "":
            return "one of their texts is empty" if self.second is not None else "their text is empty"
        return "" if self.targets or self.several else "they have no label"


@dataclass(frozen=True)
class _Names:
    first: str
    second: str | None
    label: str


def read_labelled(
    path: RowSource, config: ClassifyDataConfig, unread: Counter[str]
) -> Iterator[LabelledText]:
    """All rows of a file or data set.

    Args:
        unread: counts the rows in which a column holds something and is not read.

    Raises:
        UserError: naming all lines that are no examples.
    """
    given = [
        name for name in (config.prompt_field, config.second_field, config.response_field) if name is not None
    ]
    numbered = bool(given) and all(name.isdigit() for name in given)
    names: _Names | None = None

    def read(where: str, row: Fields) -> LabelledText:
        nonlocal names
        names = names or _names(where, row, config)
        second = None if names.second is None else " ".join(texts_in(where, row, names.second)).strip()
        several, labels = _labels(where, row, names.label, config.label_separator)
        count_unread(unread, row, {names.first, names.second, names.label})
        return LabelledText(" ".join(texts_in(where, row, names.first)), labels, second, several)

    return read_each(path, read, numbered)


def _names(where: str, row: Fields, config: ClassifyDataConfig) -> _Names:
    """The fields to read, by the settings or by the first row.

    Raises:
        UserError: where there are none, or the row is a pair of which the settings name one text alone.
    """
    if config.prompt_field is not None and config.response_field is not None:
        partners = [second for first, second in PAIRS if first == config.prompt_field and second in row]
        if config.second_field is None and partners:
            raise UserError(
                f"{where}: the rows are pairs of texts, {config.prompt_field!r} and {partners[0]!r}, and one alone is "
                f"named; set finetune.data.second_field={partners[0]}, or leave the column out"
            )
        return _Names(config.prompt_field, config.second_field, config.response_field)
    label = next((name for name in LABELS if name in row), None)
    pair = next((pair for pair in PAIRS if all(name in row for name in pair)), None)
    first = pair[0] if pair else next((name for name in SINGLES if name in row), None)
    if label is None or first is None:
        texts = ", ".join([*SINGLES, *map("/".join, PAIRS)])
        raise UserError(
            f"{where}: a text ({texts}) and a label ({', '.join(LABELS)}) are looked for among "
            f"{', '.join(map(str, row))}; name them with finetune.data.prompt_field and finetune.data.response_field"
        )
    return _Names(first, pair[1] if pair else None, label)


def _labels(where: str, row: Fields, field: str, separator: str | None) -> tuple[bool, tuple[str, ...]]:
    """Whether they are a list, and the labels; a null is none."""
    if field not in row:
        raise UserError(f"{where}: the field {field!r} is missing (there: {', '.join(map(str, row))})")
    value: Any = row[field]
    if separator is not None and isinstance(value, str):
        value = value.split(separator)
    several = isinstance(value, list)
    values = [item for item in (value if several else [value]) if item is not None]
    if not all(isinstance(item, str | int | float) for item in values):
        raise UserError(
            f"{where}: the field {field!r} must be a label or a list of labels, not {value!r:.80}"
        )
    return several, tuple(text for item in values if (text := str(item).strip()))


def check_pairs(examples: Sequence[LabelledText]) -> None:
    """Raises: UserError: where some examples are pairs and others are not."""
    are_pairs = examples[0].second is not None
    what, others = ("a single text", "pairs") if are_pairs else ("a pair of texts", "single texts")
    with faults_together(EXAMPLES) as faults:
        for example in examples:
            if (example.second is not None) != are_pairs:
                where = f"{example.source[:60]!r}"
                told = (
                    f"{where} is {what}, and the first training examples are {others}; give all files the same fields, "
                    "or name them with finetune.data.prompt_field and finetune.data.second_field"
                )
                faults.add(where, UserError(told))
