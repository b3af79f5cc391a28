"""The texts of an evaluation file, whatever its format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.contamination.index import EvaluationText
from pipeline.formats.endings import TEXT_ENDINGS
from pipeline.formats.rows import read_rows
from pipeline.formats.text_files import read_plain_texts

_BEGINNING = 40
_TABLES = (".csv", ".tsv", ".txt")


def read_evaluation_texts(path: Path) -> Iterator[EvaluationText]:
    """Articles of WikiText, paragraphs of other plain text; of rows (jsonl, json, csv, tsv, Parquet) each field, since
    answers must be as unknown to the model as questions.

    Raises:
        UserError: for a file that is none of these, or is damaged.
    """
    if path.suffix in TEXT_ENDINGS and not _is_table(path):
        for title, text in read_plain_texts(path, split=True):
            what = f"= {title} =" if title else " ".join(text[: 2 * _BEGINNING].split())[:_BEGINNING]
            yield EvaluationText(f"{path.name}: {what}", text)
        return
    # Without names for its columns, a table may or may not have a header: which is too short to be found.
    for number, (_, row) in enumerate(read_rows(path, numbered=path.suffix in _TABLES), 1):
        for field, value in row.items():
            for text in _texts(value):
                yield EvaluationText(f"{path.name}: row {number}, {field}", text)


def _is_table(path: Path) -> bool:
    """Whether a .txt file holds fine-tuning examples, separated by tabs."""
    if path.suffix not in _TABLES:
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return "\t" in file.readline()


def _texts(value: Any) -> Iterator[str]:
    """The texts in a field; a list of texts is one, as sentences of an abstract are."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield " ".join(value)
    elif isinstance(value, (list, dict)):
        for item in value if isinstance(value, list) else value.values():
            yield from _texts(item)
