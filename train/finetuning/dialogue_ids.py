"""Conversations as token ids, with the loss on what the assistant says."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pipeline.errors import UserError
from pipeline.formats.row_faults import read_all
from train.finetuning.chat import ChatFormat
from train.finetuning.data import EXAMPLES
from train.finetuning.dialogue import Dialogue, PlainText
from train.finetuning.examples import ResponseExamples
from train.finetuning.fitting import Turns, cut_middle, prompt_room, without_first_turns
from train.finetuning.text_ids import pad_id
from train.models import IGNORE_INDEX

Exchange = tuple[list[int], list[int]]
"""Ids that are given, and those that are learnt behind them."""


@dataclass(frozen=True)
class DialogueExamples(ResponseExamples):
    """Conversations, drawn by index."""

    cut_turns: int
    """Conversations that lost their first turns."""


def encode_dialogues(
    examples: Sequence[Dialogue | PlainText], form: ChatFormat, max_length: int, every: bool
) -> DialogueExamples:
    """The conversations, the loss on answers and the tokens that end them.

    At most `max_length` tokens are read per example. A longer conversation loses its first turns, those of the system
    aside; where one question with its answer is too long, the question loses its middle as far as it is more than half
    of that, and then the answer its end.

    Args:
        every: the loss is on all answers; else on the last.

    Raises:
        UserError: naming all conversations that the chat template refuses, with file and line.
    """
    located = [(example.where, example) for example in examples]
    rows = list(read_all(EXAMPLES, located, lambda where, example: _written(where, example, form, every)))
    ids = iter(form.encode([text for row in rows for exchange in row for text in exchange]))
    input_ids: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    cut_turns = cut_prompts = cut_responses = 0
    limit = max_length + 1  # the last token is predicted but never read
    for example, row in zip(examples, rows, strict=True):
        exchanges = [(next(ids), next(ids)) for _ in row]
        if isinstance(example, Dialogue) and _length(exchanges) > limit:
            shorter = _shortened(example, exchanges, form, limit, every)
            cut_turns += shorter is not exchanges
            exchanges = shorter
        if _length(exchanges) > limit:
            before, answer = _last(exchanges)
            kept = cut_middle(before, prompt_room(limit, len(answer)))
            cut_prompts += len(kept) < len(before)
            cut_responses += len(kept) + len(answer) > limit
            exchanges = [(kept, answer[: limit - len(kept)])]
        whole = np.array(list(chain.from_iterable(chain.from_iterable(exchanges))), dtype=np.int32)
        learnt = np.concatenate([np.repeat((False, True), (len(a), len(b))) for a, b in exchanges])
        input_ids.append(whole[:-1])
        labels.append(np.where(learnt[1:], whole[1:], IGNORE_INDEX).astype(np.int32))
    filler = pad_id(form.tokenizer)
    return DialogueExamples(input_ids, labels, filler, max_length, cut_prompts, cut_responses, cut_turns)


def _written(
    where: str, example: Dialogue | PlainText, form: ChatFormat, every: bool
) -> list[tuple[str, str]]:
    try:
        return example.exchanges(form, every)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _length(exchanges: Sequence[Exchange]) -> int:
    return sum(len(before) + len(answer) for before, answer in exchanges)


def _last(exchanges: Sequence[Exchange]) -> Exchange:
    """The last answer, and all that comes before it."""
    *earlier, (before, answer) = exchanges
    return [*chain.from_iterable(chain.from_iterable(earlier)), *before], answer


def _shortened(
    example: Dialogue, exchanges: list[Exchange], form: ChatFormat, limit: int, every: bool
) -> list[Exchange]:
    """The exchanges without the first turns, as few of them as it takes: the same list where there is one question
    only."""
    turns = [*example.turns, example.answer]

    def encoded(turns: Turns) -> list[Exchange]:
        ids = form.encode([text for exchange in form.exchanges(turns, every) for text in exchange])
        return list(zip(ids[::2], ids[1::2], strict=True))

    kept = without_first_turns(turns, lambda turns: _length(encoded(turns)) <= limit)
    return exchanges if len(kept) == len(turns) else encoded(kept)
