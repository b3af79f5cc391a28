"""Texts for evaluation from files of any format: WikiText, plain text, or rows with a `text`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.errors import UserError
from pipeline.formats.encodings import not_utf8
from pipeline.formats.endings import ROW_ENDINGS, TEXT_ENDINGS
from pipeline.formats.rows import Fields, read_each
from pipeline.formats.text_lists import is_list
from pipeline.formats.wikitext import articles, is_title

TEXT_FIELD = "text"


def read_file_texts(path: Path) -> Iterator[tuple[str, str]]:
    """Title (empty where there is none) and text of each document of a file.

    Of WikiText, whatever the file's name, articles character for character; other plain text is one document, unless
    it is a list of short texts (`pipeline/formats/text_lists.py`), where blank lines separate them; of jsonl, json
    and Parquet each row's `text`.

    Raises:
        UserError: for another ending, for what is not UTF-8, or for a row without a text.
    """
    if path.suffix in ROW_ENDINGS:
        yield from _row_texts(path)
    elif path.suffix in TEXT_ENDINGS:
        yield from read_plain_texts(path, is_list(path))
    else:
        known = ", ".join([*TEXT_ENDINGS, *ROW_ENDINGS])
        raise UserError(
            f"{path}: no text is read from files of this ending (known: {known}); rename or convert it"
        )


def read_plain_texts(path: Path, split: bool) -> Iterator[tuple[str, str]]:
    """Title and text of each document of WikiText or other plain text.

    Args:
        split: whether blank lines separate documents in the latter; else it is one.
    """
    # Lines end in \n only: WikiText has other characters that Python takes for line ends.
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        try:
            first = next((line for line in file if line.strip()), "")
            file.seek(0)
            yield from articles(file) if is_title(first) else _paragraphs(file) if split else _whole(file)
        except UnicodeDecodeError as error:
            raise not_utf8(error, path) from None


def _paragraphs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    body: list[str] = []
    for line in lines:
        if line.strip():
            body.append(line.rstrip("\r\n"))
        elif body:
            yield "", "\n".join(body)
            body.clear()
    if body:
        yield "", "\n".join(body)


def _whole(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    text = "\n".join(line.rstrip("\r\n") for line in lines).strip("\n")
    if text.strip():
        yield "", text


def _row_texts(path: Path) -> Iterator[tuple[str, str]]:
    return (found for found in read_each(path, _row_text) if found is not None)


def _row_text(where: str, row: Fields) -> tuple[str, str] | None:
    text, title = row.get(TEXT_FIELD), row.get("title")
    if text is None and TEXT_FIELD in row:
        return None  # a null is no text, as in the corpus
    if not isinstance(text, str):
        raise UserError(
            f"{where}: no {TEXT_FIELD!r} that is a text among {', '.join(map(str, row))}; rename the field"
        )
    return title if isinstance(title, str) else "", text
