"""Examples for fine-tuning: jsonl, json, csv, tsv or Parquet files as training, validation and test splits."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.tasks.base import FinetuneDataConfig
from pipeline.errors import UserError
from pipeline.formats.hub import SCHEME, HubSplit
from pipeline.formats.parallel_files import ParallelFiles
from pipeline.formats.rows import Fields, RowSource, read_each
from pipeline.text.counts import counted
from train.finetuning.conversation import Turn

EXAMPLES = "the examples"
"""What they are called where some of several files are bad."""
HELD_OUT = 0.05
"""Share of the examples that a split takes where no file is named for it."""

ALPACA = ("instruction", "output")
TEXT_FIELDS = (("prompt", "response"), ("prompt", "completion"), ALPACA, ("source", "target"))


@dataclass(frozen=True)
class Example:
    """A source and what is expected of it: acceptable targets, or one label."""

    source: str
    targets: tuple[str, ...]
    """None of them empty."""

    @property
    def prompt(self) -> str | Sequence[Turn]:
        """What the model is to answer."""
        return self.source

    @property
    def key(self) -> str:
        """What examples share that must not stand in different splits."""
        return self.source

    @property
    def asked(self) -> tuple[str, ...]:
        """All prompts in it that are answered, as texts."""
        return (self.key,)

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers in it."""
        return self.targets

    @property
    def encoded(self) -> tuple[str, ...]:
        """The texts of it that the model reads or learns to write."""
        return (self.source, *self.targets[:1])

    @property
    def tested(self) -> bool:
        """Whether it is asked in evaluation, where it is of the test split."""
        return True

    @property
    def flaw(self) -> str:
        """Why there is nothing to learn from such examples; empty where there is."""
        return "" if self.source.strip() and self.targets else "their source or target is empty"


def left_out(count: int, why: str) -> str:
    """In words, for the log and for preflight."""
    return f"{counted(count, 'example is', 'examples are')} left out: {why}"


ReadFile = Callable[[RowSource, Counter[str]], Sequence[Example]]
"""Gives all examples of a file or data set, and counts the columns that it does not read."""


@dataclass(frozen=True)
class Splits:
    """Examples by use. Nothing that is asked in the training split is the source of an example in another."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    left_out: Mapping[str, int]
    """Why rows are left out of which nothing can be learnt, and how many."""
    leaked: int
    """Training and validation examples left out because their source is also held out."""
    unread: dict[str, int]
    """Columns of which nothing is read, and in how many rows they hold something."""

    @property
    def empty(self) -> int:
        """Rows left out because nothing can be learnt from them."""
        return sum(self.left_out.values())

    def known_answers(self) -> int:
        """Test examples with an answer that stands in a training example, too."""
        known = {_same(text) for example in self.train for text in example.answers}
        return sum(any(_same(text) in known for text in example.targets) for example in self.test)

    def describe_left_out(self) -> str:
        """Empty where no row is left out."""
        return "; ".join(left_out(count, why) for why, count in self.left_out.items())

    def describe_unread(self) -> str:
        """Empty where all columns are read."""
        columns = ", ".join(f"{name} ({counted(count, 'row')})" for name, count in self.unread.items())
        return f"not read: {columns}" if columns else ""


def load_splits(config: FinetuneDataConfig, read_file: ReadFile, locate: Callable[[str], Path]) -> Splits:
    """Read the files that `config` names; what has no file is held out of the training examples.

    Whether an example is held out depends on a hash of its source alone, so it stays where it is when others
    are added, and examples with the same source stay together.

    Args:
        read_file: the task's reader.
        locate: from a path in the configuration to a file, as `Context.locate`.

    Raises:
        UserError: for files that cannot be read, naming all lines; or without any examples left.
    """
    left_out: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    read: dict[str, list[Example]] = {}
    faults: list[UserError] = []
    for split, files in config.named.items():
        read[split] = []
        for name, weight in files.items():
            try:
                rows = read_file(_source(config, split, name, locate), unread)
                examples = _sound(rows, name, split)
            except UserError as error:
                faults.append(error)
                continue
            left_out.update(example.flaw for example in rows if example.flaw)
            read[split] += repeated(examples, weight)
    if faults:
        raise UserError("\n".join(map(str, faults))) if faults[1:] else faults[0]
    for split in ("test", "validation"):
        if split not in read:
            held_out, read["train"] = _hold_out(read["train"], split)
            read[split] = list({id(example): example for example in held_out}.values())  # whatever its weight
    test = {_key(example) for example in read["test"]}
    validation = [e for e in read["validation"] if _key(e) not in test]
    kept_away = test | {_key(e) for e in validation}
    train = [e for e in read["train"] if not any(_same(text) in kept_away for text in e.asked)]
    for split, examples in (("training", train), ("validation", validation)):
        if not examples:
            named = ", ".join(config.named["train"])
            raise UserError(
                f"no {split} examples are left beside those that are held out ({named}); give it more "
                "examples, or files of their own for validation and test"
            )
    leaked = len(read["train"]) + len(read["validation"]) - len(train) - len(validation)
    return Splits(
        train[: config.max_examples],
        validation,
        [example for example in read["test"] if example.tested],
        dict(left_out),
        leaked,
        dict(unread),
    )


def _sound(rows: Sequence[Example], name: str, split: str) -> list[Example]:
    """Those of a file that something can be learnt from.

    Raises:
        UserError: where there are none.
    """
    examples = [example for example in rows if not example.flaw]
    if not examples:
        why = f"{counted(len(rows), 'row')}: {rows[0].flaw}" if rows else "it is empty"
        raise UserError(f"{name} holds no examples ({why}); give it one per line, or another {split} file")
    return examples


def _source(config: FinetuneDataConfig, split: str, name: str, locate: Callable[[str], Path]) -> RowSource:
    """What a file's name of a split stands for."""
    if name.startswith(SCHEME):
        return HubSplit.parse(name)
    targets = config.targets_of(split, name)
    return locate(name) if targets is None else ParallelFiles(locate(name), locate(targets))


def read_pairs(
    path: RowSource,
    config: FinetuneDataConfig,
    known: tuple[tuple[str, str], ...],
    unread: Counter[str] | None = None,
) -> list[Example]:
    """All rows of a file, each a source and its targets.

    Args:
        known: pairs of fields that are looked for where `config` names none.
        unread: counts the rows in which a column holds something and is not read.

    Raises:
        UserError: naming all lines that are no examples.
    """
    fields: tuple[str, str] | None = None
    if config.prompt_field is not None and config.response_field is not None:
        fields = (config.prompt_field, config.response_field)
    numbered = fields is not None and all(name.isdigit() for name in fields)

    def read(where: str, row: Fields) -> Example:
        nonlocal fields
        if fields is None:
            fields = _detect_fields(where, row, known)
        source = " ".join(texts_in(where, row, fields[0]))
        if fields == ALPACA and row.get("input"):
            source += "\n\n" + " ".join(texts_in(where, row, "input"))
        targets = (text for text in texts_in(where, row, fields[1]) if text.strip())
        if unread is not None:
            count_unread(unread, row, {*fields, "input"} if fields == ALPACA else {*fields})
        return Example(source, tuple(targets))

    return list(read_each(path, read, numbered))


def count_unread(unread: Counter[str], row: Fields, used: Collection[str | None]) -> None:
    """Note the columns of a row that hold something of which nothing is read."""
    unread.update(name for name, value in row.items() if name not in used and _holds_something(value))


def _holds_something(value: Any) -> bool:
    return value not in (None, "", [], {})


def _detect_fields(where: str, row: Fields, known: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    for names in known:
        if all(name in row for name in names):
            return names
    pairs = ", ".join("/".join(names) for names in known)
    raise UserError(
        f"{where}: none of the known pairs of fields ({pairs}) is among {', '.join(map(str, row))}; "
        "name them with finetune.data.prompt_field and finetune.data.response_field"
    )


def texts_in(where: str, row: Fields, field: str) -> list[str]:
    """A field as a list of texts; numbers count as texts, since labels often are, and a null is no text."""
    if field not in row:
        raise UserError(f"{where}: the field {field!r} is missing (there: {', '.join(map(str, row))})")
    value = row[field]
    values = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
    if not all(isinstance(item, (str, int)) for item in values):
        raise UserError(f"{where}: the field {field!r} must be a text or a list of texts, not {value!r:.80}")
    return [str(item) for item in values]


def _key(example: Example) -> str:
    return _same(example.key)


def _same(text: str) -> str:
    """Sources that differ in case and white space alone are the same."""
    return " ".join(text.casefold().split())


def repeated(examples: Sequence[Example], weight: float) -> list[Example]:
    """Each example as many times as its weight says; of its fraction as large a part of the examples once more."""
    whole = int(weight)
    counts = (whole + (_draw(example, "weight") < weight - whole) for example in examples)
    return [example for example, count in zip(examples, counts, strict=True) for _ in range(count)]


def _draw(example: Example, purpose: str) -> float:
    """A number from 0 to 1 that depends on the example's source alone."""
    digest = hashlib.blake2b(f"{purpose}:{_key(example)}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _hold_out(examples: list[Example], split: str) -> tuple[list[Example], list[Example]]:
    """Examples held out, at least one, and the others."""
    draws = [_draw(example, split) for example in examples]
    limit = max(HELD_OUT, min(draws, default=0))
    held_out = [e for e, draw in zip(examples, draws, strict=True) if draw <= limit]
    return held_out, [e for e, draw in zip(examples, draws, strict=True) if draw > limit]
