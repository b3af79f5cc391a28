"""The text of a row of a table, or of a record of JSON."""

from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import UserError
from pipeline.formats.rows import Fields, read_each


def row_texts(path: Path, text_field: str, ending: str) -> Iterator[tuple[str, str]]:
    """Title and text of each row of a file of JSON, or of a table.

    Args:
        ending: `.json`, `.csv` or `.tsv`, whatever the file's own is.

    Raises:
        UserError: naming all lines that are no rows, have no such field, or no text in it.
    """

    def read(where: str, row: Fields) -> tuple[str, str]:
        try:
            return title_and_text(row, text_field, "key" if ending == ".json" else "column")
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    return read_each(path, read, ending=ending)


def title_and_text(row: Fields, text_field: str, kind: str) -> tuple[str, str]:
    """Title (empty where there is none) and text. A null is no text.

    Args:
        kind: what has a name in it, for messages: key or column.

    Raises:
        UserError: where it has no such field, or no text in it.
    """
    if text_field not in row:
        raise UserError(
            f"no {kind} {text_field!r}; there is: {', '.join(row) or 'none'}. Set corpus.text_field"
        )
    text, title = row[text_field], row.get("title")
    if text is not None and not isinstance(text, str):
        raise UserError(
            f"{text_field!r} holds a {type(text).__name__}, not text. Set corpus.text_field to another {kind}"
        )
    return title if isinstance(title, str) else "", text or ""
