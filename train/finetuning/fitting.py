"""What is left of a prompt that is too long: one rule for training, evaluation and talking."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from train.finetuning.chat import PromptFormat, Source

Turns = Sequence[Mapping[str, Any]]


def without_first_turns(turns: Turns, fits: Callable[[Turns], bool]) -> Turns:
    """The turns that are left where as few of the first go as it takes: from a user's turn on, at least the last, and
    those of the system, which stay.

    Args:
        fits: of turns, whether they are short enough; of fewer it is all the more true.
    """
    system = [turn for turn in turns if turn["role"] == "system"]
    spoken = [turn for turn in turns if turn["role"] != "system"]
    starts = [place for place, turn in enumerate(spoken) if turn["role"] == "user"]
    shorter: list[Turns] = [turns, *([*system, *spoken[start:]] for start in starts[1:])]
    # The last is not tried: there is nothing shorter.
    return shorter[bisect_left(shorter[:-1], True, key=fits)]


def fit_prompt(form: PromptFormat, source: Source, ids: list[int], limit: int) -> list[int]:
    """At most `limit` of the ids of a prompt: a conversation loses its first turns; where that is not enough, and of a
    text, the middle goes, since its beginning and end say what is asked.

    Args:
        source: what the ids were made of.
    """
    if len(ids) > limit and not isinstance(source, str):
        turns = without_first_turns(source, lambda turns: len(form.prompt_ids([turns])[0]) <= limit)
        [ids] = form.prompt_ids([turns])
    return cut_middle(ids, limit)


def prompt_room(limit: int, answer: int) -> int:
    """How many ids of `limit` a prompt may have beside an answer of so many: what that leaves, and half at least.

    So the question before a long answer stays, and the answer loses its end.
    """
    return max(limit - answer, limit // 2)


def cut_middle(ids: Sequence[int], limit: int) -> list[int]:
    """The first and last ids, `limit` in all."""
    if len(ids) <= limit:
        return list(ids)
    head = limit // 2
    return [*ids[:head], *ids[len(ids) - (limit - head) :]]
