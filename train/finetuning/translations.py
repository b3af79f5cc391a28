"""Pairs of a source and its targets, as translations and summaries come."""

from collections import Counter
from dataclasses import dataclass

from pipeline.config.tasks.seq2seq import Seq2SeqDataConfig
from pipeline.errors import UserError
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.data import Example, count_unread, read_pairs, texts_in


@dataclass(frozen=True)
class Translation(Example):
    """A pair that is read both ways."""

    both: tuple[str, ...] = ()
    """The source of each way."""
    is_reverse: bool = False
    """Whether it goes from what the file calls the target to the source."""

    @property
    def tested(self) -> bool:
        """One direction is: figures of two languages together say little."""
        return not self.is_reverse

    @property
    def asked(self) -> tuple[str, ...]:
        """So that a pair is kept away from training both ways where one of them is held out."""
        return self.both


def read_translations(
    path: RowSource,
    data: Seq2SeqDataConfig,
    known: tuple[tuple[str, str], ...],
    unread: Counter[str] | None = None,
) -> list[Example]:
    """All rows of a file as examples, with the prefix before each source; where they are read both ways, the reverse
    of each behind all others.

    Args:
        known, unread: as of `read_pairs`.

    Raises:
        UserError: naming all lines that are no examples.
    """
    pairs = (
        _with_references(path, data, unread)
        if data.reference_fields
        else read_pairs(path, data, known, unread)
    )
    prefix, reverse = data.prefix, data.reverse_prefix
    if reverse is None:
        return [Example(prefix + pair.source, pair.targets) for pair in pairs] if prefix else pairs
    found: list[Example] = []
    back: list[Example] = []
    for pair in pairs:
        if pair.flaw:
            found.append(pair)
            continue
        both = (prefix + pair.source, reverse + pair.targets[0])
        found.append(Translation(both[0], pair.targets, both))
        back.append(Translation(both[1], (pair.source,), both, is_reverse=True))
    return found + back


def _with_references(path: RowSource, data: Seq2SeqDataConfig, unread: Counter[str] | None) -> list[Example]:
    """Of rows with several columns of targets; a row need not have all of them."""
    source_field, *fields = [str(data.prompt_field), str(data.response_field), *data.reference_fields]

    def read(where: str, row: Fields) -> Example:
        there = [name for name in fields if name in row]
        if not there:
            raise UserError(
                f"{where}: none of the fields {', '.join(fields)} is there ({', '.join(map(str, row))})"
            )
        source = " ".join(texts_in(where, row, source_field))
        targets = [text for name in there for text in texts_in(where, row, name) if text.strip()]
        if unread is not None:
            count_unread(unread, row, {source_field, *fields})
        return Example(source, tuple(targets))

    return list(read_each(path, read, all(name.isdigit() for name in (source_field, *fields))))
