"""Rows of preference data as they are published: a prompt with a chosen and a rejected answer.

Answers are texts, messages, or whole conversations that share all but the last turn; the prompt is a text, a list of
messages, or what the two conversations share.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.config.tasks.preferences import PreferenceDataConfig
from pipeline.errors import UserError
from pipeline.formats.rows import Fields, RowSource, read_each
from train.finetuning.conversation import (
    Turn,
    check_prompt,
    is_conversation,
    plain_text,
    read_turns,
    said,
    split_speakers,
)
from train.finetuning.data import Example, count_unread
from train.finetuning.prompt_rows import read_prompt, with_system

PROMPT_FIELDS = ("prompt", "instruction", "question", "source", "conversations")
"""Where the prompt is looked for, in this order; none of them may be there."""


@dataclass(frozen=True)
class Pair(Example):
    """A prompt and two answers; `targets` is the chosen one."""

    turns: tuple[Turn, ...]
    """All that comes before the answer."""
    rejected: str

    @property
    def chosen(self) -> str:
        return self.targets[0]

    @property
    def prompt(self) -> tuple[Turn, ...]:
        return self.turns

    @property
    def encoded(self) -> tuple[str, ...]:
        return (*map(said, self.turns), *self.targets[:1], self.rejected)

    @property
    def flaw(self) -> str:
        if not (self.source.strip() and self.targets and self.rejected.strip()):
            return "their prompt or one of their answers is empty"
        return "their answers are the same" if self.chosen.strip() == self.rejected.strip() else ""


def read_pairs_of_answers(
    path: RowSource, config: PreferenceDataConfig, unread: Counter[str]
) -> Iterator[Pair]:
    """All rows of a file, each a pair.

    Raises:
        UserError: naming all lines that are none.
    """
    numbered = config.chosen_field.isdigit() and config.rejected_field.isdigit()
    return read_each(path, lambda where, row: pair_in_row(where, row, config, unread), numbered)


def pair_in_row(where: str, row: Fields, config: PreferenceDataConfig, unread: Counter[str]) -> Pair:
    """Raises: UserError: where the row holds none."""
    fields = (config.chosen_field, config.rejected_field)
    for field in fields:
        if field not in row:
            raise UserError(
                f"{where}: the field {field!r} is missing (there: {', '.join(map(str, row))}); name the fields of "
                "the two answers with finetune.data.chosen_field and finetune.data.rejected_field"
            )
    used, prompt = find_prompt(where, row, config.prompt_field)
    (*before, chosen), (*before_rejected, rejected) = (read_answer(where, name, row[name]) for name in fields)
    if before != before_rejected:
        raise UserError(
            f"{where}: the two conversations differ before their last turn; only the last answers may differ"
        )
    # Some data sets give the prompt twice: as a text, and as the first turn of both conversations.
    system, turns = with_system(where, row, before or prompt)
    check_prompt(where, turns)
    count_unread(unread, row, {*fields, *used, *system})
    targets = (chosen["content"],) if chosen["content"].strip() else ()
    return Pair(plain_text(turns), targets, tuple(turns), rejected["content"])


def find_prompt(where: str, row: Fields, field: str | None) -> tuple[set[str], list[Turn]]:
    """The columns that the prompt is read from, and its turns; nothing where the answers bring it.

    Raises:
        UserError: where the field that is named is missing, or what it holds is no prompt.
    """
    found = field or next((name for name in PROMPT_FIELDS if name in row), None)
    return (set(), []) if found is None else read_prompt(where, row, found)


def as_text(where: str, field: str, value: Any) -> str:
    """A null is an empty text, and a number one of its digits.

    Raises:
        UserError: for anything else that is no text.
    """
    if not isinstance(value, str | int | None):
        raise UserError(f"{where}: the field {field!r} must be a text or messages, not {value!r:.80}")
    return "" if value is None else str(value)


def read_answer(where: str, field: str, value: Any) -> list[Turn]:
    """The turns that an answer's field holds: the answer alone, or all of the conversation with it."""
    if is_conversation(value):
        turns = read_turns(where, field, value)
    else:
        text = as_text(where, field, value)
        turns = split_speakers(text) or [{"role": "assistant", "content": text}]
    if turns[-1]["role"] != "assistant":
        raise UserError(
            f"{where}: the field {field!r} ends with a turn of the {turns[-1]['role']}, not with an answer"
        )
    return turns
