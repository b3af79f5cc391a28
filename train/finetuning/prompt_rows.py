"""The prompt of a row: a text or messages, with what other columns say of it. All tasks read it here that chat."""

from collections.abc import Sequence
from typing import Any

from pipeline.errors import UserError
from pipeline.formats.rows import Fields
from train.finetuning.conversation import Turn, is_conversation, read_turns, split_speakers
from train.finetuning.data import texts_in

ADDED = {"instruction": ("input", "context")}
"""Columns that are put behind a prompt, by its field: alpaca's and dolly's."""
SYSTEM, HISTORY = "system", "history"
"""Columns with the system's turn, and with pairs of what was said before: LLaMA-Factory's alpaca has them."""


def read_prompt(where: str, row: Fields, field: str) -> tuple[set[str], list[Turn]]:
    """The columns that the prompt is read from, and its turns.

    Raises:
        UserError: where the field is missing, or what it holds is no prompt.
    """
    if is_conversation(row.get(field)):
        return {field}, read_turns(where, field, row[field])
    text = " ".join(texts_in(where, row, field))
    added = [name for name in ADDED.get(field, ()) if row.get(name)]
    text = "\n\n".join([text, *(" ".join(texts_in(where, row, name)) for name in added)])
    turns = split_speakers(text) or [{"role": "user", "content": text}]
    if not row.get(HISTORY):
        return {field, *added}, turns
    return {field, *added, HISTORY}, [*_read_history(where, row[HISTORY]), *turns]


def with_system(where: str, row: Fields, turns: Sequence[Turn]) -> tuple[set[str], list[Turn]]:
    """The column with the system's turn, where it is used, and the turns behind it. A conversation that has its own
    keeps that.

    Raises:
        UserError: where it is no text.
    """
    if not row.get(SYSTEM) or any(turn["role"] == "system" for turn in turns):
        return set(), list(turns)
    system = " ".join(texts_in(where, row, SYSTEM))
    return {SYSTEM}, [{"role": "system", "content": system}, *turns]


def _read_history(where: str, history: Any) -> list[Turn]:
    turns: list[Turn] = []
    for pair in history if isinstance(history, list) else [history]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise UserError(
                f"{where}: the field {HISTORY!r} must be pairs of a question and its answer, not {pair!r:.60}"
            )
        turns += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return turns
