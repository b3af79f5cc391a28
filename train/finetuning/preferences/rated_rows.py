"""Rows of answers that are each good or bad: a prompt, a completion and a label; or pairs, taken apart."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from pipeline.config.tasks.kto import RatedDataConfig
from pipeline.errors import UserError
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.conversation import Turn, check_prompt, plain_text, said
from train.finetuning.data import Example, count_unread
from train.finetuning.preferences.rows import Pair, find_prompt, pair_in_row, read_answer
from train.finetuning.prompt_rows import with_system

COMPLETION_FIELDS = ("completion", "response", "answer", "output")
_LABELS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Rated(Example):
    """A prompt and an answer; `targets` holds the answer."""

    turns: tuple[Turn, ...]
    """All that comes before the answer."""
    desirable: bool

    @property
    def prompt(self) -> tuple[Turn, ...]:
        return self.turns

    @property
    def answer(self) -> str:
        return self.targets[0]

    @property
    def encoded(self) -> tuple[str, ...]:
        return (*map(said, self.turns), *self.targets[:1])

    @property
    def flaw(self) -> str:
        return "" if self.source.strip() and self.targets else "their prompt or their answer is empty"


def read_rated_answers(
    path: RowSource, config: RatedDataConfig, unread: Counter[str]
) -> Iterator[Rated | Pair]:
    """All answers of a file, each with whether it is a good one.

    Raises:
        UserError: naming all lines that hold none.
    """
    return chain.from_iterable(read_each(path, lambda where, row: _answers(where, row, config, unread)))


def _answers(
    where: str, row: Fields, config: RatedDataConfig, unread: Counter[str]
) -> tuple[Rated | Pair, ...]:
    if config.label_field in row:
        return (_rated(where, row, config, unread),)
    if config.chosen_field in row and config.rejected_field in row:
        pair = pair_in_row(where, row, config, unread)
        if pair.flaw:
            return (pair,)  # it is told why it is left out
        return (
            Rated(pair.source, pair.targets, pair.turns, True),
            Rated(pair.source, (pair.rejected,), pair.turns, False),
        )
    raise UserError(
        f"{where}: there is no {config.label_field!r} that says whether an answer is good, and no pair of "
        f"answers ({config.chosen_field!r}, {config.rejected_field!r}) among {', '.join(map(str, row))}; name "
        "the fields with finetune.data.label_field, or chosen_field and rejected_field"
    )


def _rated(where: str, row: Fields, config: RatedDataConfig, unread: Counter[str]) -> Rated:
    label = _LABELS.get(str(row[config.label_field]).lower())
    if label is None:
        raise UserError(
            f"{where}: the field {config.label_field!r} must be true (a good answer) or false (a bad one), not "
            f"{row[config.label_field]!r:.60}"
        )
    field = config.response_field or next((name for name in COMPLETION_FIELDS if name in row), None)
    if field is None or field not in row:
        raise UserError(
            f"{where}: the answer's field {field or ' or '.join(COMPLETION_FIELDS)} is missing (there: "
            f"{', '.join(map(str, row))}); name it with finetune.data.response_field"
        )
    used, prompt = find_prompt(where, row, config.prompt_field)
    *before, last = read_answer(where, field, row[field])
    system, turns = with_system(where, row, before or prompt)
    check_prompt(where, turns)
    count_unread(unread, row, {config.label_field, field, *used, *system})
    answer = last["content"]
    return Rated(plain_text(turns), (answer,) if answer.strip() else (), tuple(turns), label)
