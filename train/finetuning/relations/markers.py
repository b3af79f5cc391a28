"""Tokens that mark two parts of a text (Baldini Soares et al., 2019): new ones of the tokenizer and the model."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.vocabulary_extension import VocabularyExtension
from train.finetuning.base_model import BaseModel
from train.finetuning.relations.rows import Relation, Span
from train.finetuning.text_ids import Frame, TextIds
from train.models import TrainableModel, build_model
from train.models.new_rows import fill_with_new_rows, vocabulary_axes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HEAD, TAIL = ("[E1]", "[/E1]"), ("[E2]", "[/E2]")
MARKERS = (*HEAD, *TAIL)


def with_markers(base: BaseModel) -> BaseModel:
    """The base model with a token for each marker, whose row is the mean of those that spell it; the same where it has
    them already."""
    known = base.tokenizer.get_vocab()
    new = [marker for marker in MARKERS if marker not in known]
    if not new:
        return base
    size = len(base.tokenizer)
    pieces = base.tokenizer(new, add_special_tokens=False).input_ids
    extension = VocabularyExtension(size, pieces)
    tokenizer = deepcopy(base.tokenizer)
    tokenizer.add_special_tokens({"extra_special_tokens": new}, replace_extra_special_tokens=False)
    rows = max(base.vocab_size, len(tokenizer))
    config = base.config

    def load() -> TrainableModel:
        old = base.load()
        model = build_model(config, rows)
        fill_with_new_rows(model, old.state_dict(), vocabulary_axes(config, base.vocab_size), extension)
        return model.train()

    return replace(base, tokenizer=tokenizer, vocab_size=rows, load=load, by_layer=lambda ranks: None)


def marked(text: str, head: Span, tail: Span) -> str:
    """The text with markers around both parts, as people read it and as the exported tokenizer reads it."""
    pieces: list[str] = []
    place = 0
    for (start, end), (opening, closing) in sorted([(head, HEAD), (tail, TAIL)]):
        pieces += [text[place:start], opening, text[start:end], closing]
        place = end
    return "".join([*pieces, text[place:]])


def encode_marked(
    relations: Sequence[Relation], tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> TextIds:
    """Encode texts with their markers, in the tokenizer's frame. What they spell is never read as a control token.

    A longer text keeps what is around and between the markers; where that alone is too long it loses the end.
    """
    frame, control = Frame.of(tokenizer), ControlTokens.of(tokenizer)
    room = max_length - len(frame.before) - len(frame.after)
    written = [_quoted(relation, control) for relation in relations]
    known = tokenizer.get_vocab()
    ids_of = {known[marker] for marker in MARKERS}
    rows: list[np.ndarray] = []
    cut = 0
    for ids in control.encode(written):
        cut += len(ids) > room
        kept = ids if len(ids) <= room else _around(ids, ids_of, room)
        rows.append(np.array([*frame.before, *kept, *frame.after], dtype=np.int32))
    return TextIds(rows, None, cut)


def _quoted(relation: Relation, control: ControlTokens) -> str:
    text = relation.source
    pieces: list[str] = []
    place = 0
    for (start, end), (opening, closing) in sorted([(relation.head, HEAD), (relation.tail, TAIL)]):
        pieces += [control.quote(text[place:start]), opening, control.quote(text[start:end]), closing]
        place = end
    return "".join([*pieces, control.quote(text[place:])])


def _around(ids: list[int], markers: set[int], room: int) -> list[int]:
    places = [place for place, id in enumerate(ids) if id in markers]
    spare = max(room - (places[-1] + 1 - places[0]), 0)
    start = max(0, min(places[0] - spare // 2, len(ids) - room))
    return ids[start : start + room]
