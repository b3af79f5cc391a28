"""Texts, and pairs of texts, as the token ids that a model reads in one go: for tasks that put a head on a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.formats.control_tokens import ControlTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Text = str | tuple[str, str]
"""One text, or two that are judged together."""


@dataclass(frozen=True)
class Frame:
    """The special tokens around one text or two, such as `[CLS] a [SEP]` and `[CLS] a [SEP] b [SEP]`; none where the
    tokenizer has no such tokens."""

    before: tuple[int, ...] = ()
    between: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase") -> Self:
        """As the tokenizer's own post-processor writes them, of which RoBERTa's has two tokens between the texts.

        A tokenizer without a token for a text's start and its end, as those of decoders are, gets nothing around a
        text, and its eos between two.
        """
        start, end = _id(tokenizer.cls_token_id), _id(tokenizer.sep_token_id)
        if start is None or end is None:
            eos = _id(tokenizer.eos_token_id)
            return cls(between=() if eos is None else (eos,))
        alone: list[int] = tokenizer("a", add_special_tokens=False).input_ids
        both: list[int] = tokenizer("a", "a").input_ids
        size = len(alone)
        places = [place for place in range(len(both) - size + 1) if both[place : place + size] == alone]
        if not size or len(places) != 2 or len(both) == 2 * size:  # its post-processor writes no frame
            return cls((start,), (end,), (end,))
        first, second = places
        return cls(tuple(both[:first]), tuple(both[first + size : second]), tuple(both[second + size :]))


@dataclass(frozen=True)
class TextIds:
    """Encoded texts, each with its frame."""

    input_ids: list[np.ndarray]
    """int32 [T] each, never empty."""
    token_types: list[np.ndarray] | None
    """int32 [T] each: 1 from the first token of the second text on, else 0. None where no example is a pair."""
    cut: int
    """How many were longer than allowed, and lost their ends."""


def encode_texts(texts: Sequence[Text], tokenizer: "PreTrainedTokenizerBase", max_length: int) -> TextIds:
    """Encode texts with the tokenizer's frame. What they spell is never read as a control token.

    Args:
        max_length: of a whole row, its frame included. Of two texts the longer one loses its end first.
    """
    frame, control = Frame.of(tokenizer), ControlTokens.of(tokenizer)
    firsts = control.encode_texts([text if isinstance(text, str) else text[0] for text in texts])
    pairs = [number for number, text in enumerate(texts) if not isinstance(text, str)]
    seconds = dict(zip(pairs, control.encode_texts([texts[number][1] for number in pairs]), strict=True))
    input_ids: list[np.ndarray] = []
    token_types: list[np.ndarray] = []
    cut = 0
    for number, first in enumerate(firsts):
        second = seconds.get(number)
        room = max_length - len(frame.before) - len(frame.after)
        if second is None:
            kept, other = _cut(first, [], room)
            row, lost = [*frame.before, *kept, *frame.after], len(kept) < len(first)
            start = len(row)
        else:
            kept, other = _cut(first, second, room - len(frame.between))
            start = len(frame.before) + len(kept) + len(frame.between)
            row = [*frame.before, *kept, *frame.between, *other, *frame.after]
            lost = len(kept) + len(other) < len(first) + len(second)
        row = row or [pad_id(tokenizer)]
        cut += lost
        input_ids.append(np.array(row, dtype=np.int32))
        token_types.append((np.arange(len(row)) >= start).astype(np.int32))
    return TextIds(input_ids, token_types if pairs else None, cut)


def pad_id(tokenizer: "PreTrainedTokenizerBase") -> int:
    """What fills rows up. It is right of everything that counts, and no model reads it: any id will do."""
    ids = map(_id, (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.sep_token_id))
    return next((id for id in ids if id is not None), 0)


def _cut(first: list[int], second: list[int], room: int) -> tuple[list[int], list[int]]:
    """The starts of two texts that fit: the longer gives way until they are of one length, then both."""
    over = len(first) + len(second) - max(room, 0)
    if over <= 0:
        return first, second
    from_longer = min(over, abs(len(first) - len(second)))
    rest = over - from_longer
    sizes = [len(first) - rest // 2, len(second) - (rest - rest // 2)]
    sizes[0 if len(first) > len(second) else 1] -= from_longer
    return first[: max(sizes[0], 0)], second[: max(sizes[1], 0)]


def _id(value: Any) -> int | None:
    return value if isinstance(value, int) else None
