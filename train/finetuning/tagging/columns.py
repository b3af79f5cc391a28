"""Files in CoNLL columns: a word and its tags on each line, and a blank line after each sentence."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.config.tasks.tag import TagDataConfig
from pipeline.errors import UserError
from pipeline.formats.encodings import not_utf8
from pipeline.formats.row_faults import read_all
from pipeline.text.counts import counted
from train.finetuning.tagging.sentences import TaggedSentence, from_words

ENDINGS = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".tsv", ".txt")
UNIVERSAL = ".conllu"
_COMMENT, _DOCUMENT = "#", "-DOCSTART-"


def read_columns(path: Path, config: TagDataConfig) -> Iterator[TaggedSentence]:
    """The sentences of a file. Lines `-DOCSTART-` and comments are passed over, and in CoNLL-U words that are several
    others together.

    Columns are separated by tabs, or by white space where a line has no tab.

    Raises:
        UserError: naming all lines with another number of columns, or without one that the settings name.
    """
    universal = path.suffix == UNIVERSAL
    word_column = config.word_column or (2 if universal else 1)
    tag_column = config.tag_column or (4 if universal else None)

    def read(where: str, rows: list[list[str]] | UserError) -> TaggedSentence | None:
        if isinstance(rows, UserError):
            raise rows
        kept = [cells for cells in rows if not (universal and not cells[0].isdigit())]
        for cells in kept:
            if max(word_column, tag_column or 0) > len(cells) or len(cells) < 2:
                raise UserError(
                    f"{where}: the word {cells[0]!r} stands in a line of {counted(len(cells), 'column')}; a "
                    "word and a tag are needed, in the columns finetune.data.word_column and tag_column"
                )
        words = [cells[word_column - 1] for cells in kept]
        tags = [cells[-1 if tag_column is None else tag_column - 1] for cells in kept]
        return from_words(words, tags, where) if words else None

    sentences = read_all(str(path), _sentences(path), read)
    return (sentence for sentence in sentences if sentence is not None)


def _sentences(path: Path) -> Iterator[tuple[str, list[list[str]] | UserError]]:
    """Where each sentence begins, and the cells of its lines; or where a line is bad, which is left out, and why.

    Raises:
        UserError: where the file is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _sentences_of(path, file)
    except UnicodeDecodeError as error:
        raise not_utf8(error, path) from None


def _sentences_of(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, list[list[str]] | UserError]]:
    rows: list[list[str]] = []
    width, where = 0, ""
    for number, line in enumerate(lines, 1):
        cells = _cells(line)
        if not cells or cells[0] == _DOCUMENT:
            if rows:
                yield where, rows
            rows = []
            continue
        if cells[0].startswith(_COMMENT) and (
            len(cells) != width if width else len(cells) == 1 or " " in line
        ):
            continue
        here = f"{path}, line {number}"
        width = width or len(cells)
        if len(cells) != width:
            columns = counted(len(cells), "column")
            yield here, UserError(f"{here}: {columns}, but the lines before have {width}; correct it")
            continue
        where = where if rows else here
        rows.append(cells)
    if rows:
        yield where, rows


def _cells(line: str) -> list[str]:
    line = line.rstrip("\r\n")
    if not line.strip():
        return []
    return [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
