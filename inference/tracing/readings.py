"""The passages of training text that a text shares, with their documents and the steps that read them."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

import numpy as np

from inference.tracing.training import TracedTraining
from pipeline.errors import UserError
from pipeline.formats.documents import Document, pick_documents
from pipeline.formats.shards import TokenStream
from pipeline.formats.tokenizers import TextEncoder
from train.data.passages import Passage, PassageFinder

PART_OF_CHARACTER = "\N{REPLACEMENT CHARACTER}"
"""What tokens become that are no whole character."""
AROUND = 16
"""Tokens that are shown on either side of a passage."""


@dataclass(frozen=True)
class Reading:
    """A passage that the text shares, and when it was read."""

    document: Document
    part: str
    """Of the corpus; empty where it has no named parts."""
    tokens: int
    before: str
    passage: str
    after: str
    steps: list[int]
    """Steps in which at least the shortest length that counts was read in one sequence; from 1."""


@dataclass(frozen=True)
class Trace:
    """What is known of a text."""

    tokens: int
    """Of the text as it stands."""
    tokens_behind_space: int
    """Of the text as it stands within a sentence, where its first token may be another."""
    least: int
    """Length of the shortest passage that counts, in tokens; where a spelling of the text has fewer, all of it."""
    passages: int
    """How many there are."""
    readings: list[Reading]
    """The longest of them, the first in the corpus first."""


def trace(training: TracedTraining, text: str, least: int, count: int) -> Trace:
    """
    Args:
        least: tokens of the shortest passage to look for; a shorter spelling of the text is looked for as a whole.
        count: how many passages to return.

    Raises:
        UserError: where the text has no token; where the corpus is gone or damaged.
    """
    encoder = TextEncoder(training.artifact.tokenizer_artifact)
    # Within a document most words have a space before them, which may belong to their token.
    spellings = [encoder.encode(text), *([] if text[0].isspace() else [_behind_a_space(encoder, text)])]
    if not all(map(len, spellings)):
        raise UserError("the text has no token; give a longer one")
    finder = PassageFinder(spellings, least, encoder.vocab_size)
    passages, longest = _longest(training, finder, count)
    readings = _readings(training, encoder, longest)
    return Trace(len(spellings[0]), len(spellings[-1]), least, passages, readings)


def _behind_a_space(encoder: TextEncoder, text: str) -> np.ndarray:
    """The ids of the text behind a space, without those of the space alone, which any space would match."""
    ids = encoder.encode(f" {text}")
    return ids if encoder.decode(ids[:1].tolist()).strip() else ids[1:]


def _longest(
    training: TracedTraining, finder: PassageFinder, count: int
) -> tuple[int, list[tuple[str, Passage]]]:
    """How many passages there are, and the longest, each with its part."""
    total, longest = 0, list[tuple[tuple[int, int], str, Passage]]()
    for part, stream in training.streams.items():
        for passage in finder.find(stream):
            # Of those of one length the first.
            entry = ((passage.tokens, -total), part, passage)
            total += 1
            heapq.heappushpop(longest, entry) if len(longest) == count else heapq.heappush(longest, entry)
    longest.sort(key=itemgetter(0), reverse=True)
    return total, [(part, passage) for _, part, passage in longest]


def _readings(
    training: TracedTraining, encoder: TextEncoder, found: Sequence[tuple[str, Passage]]
) -> list[Reading]:
    numbers = [
        training.example_numbers(part, passage.start, passage.stop, passage.least) for part, passage in found
    ]
    steps = training.steps_of(np.unique(np.concatenate([np.empty(0, np.int64), *map(np.array, numbers)])))
    documents = _documents(training, found)
    readings: list[Reading] = []
    for (part, passage), examples, (document, first, end) in zip(found, numbers, documents, strict=True):
        stream = training.streams[part]
        before, after = max(first, passage.start - AROUND), min(end - 1, passage.stop + AROUND)
        places = before, passage.start, passage.stop, after
        text_before, text, text_after = texts_between(encoder, stream, places)
        readings.append(
            Reading(
                document,
                part,
                passage.tokens,
                text_before,
                text,
                text_after,
                sorted({step for example in examples for step in steps[example]}),
            )
        )
    return readings


def _documents(
    training: TracedTraining, found: Sequence[tuple[str, Passage]]
) -> list[tuple[Document, int, int]]:
    """The document of each passage, and where it begins and ends in its part's tokens."""
    bounds = {part: training.streams[part].document_starts() for part in {part for part, _ in found}}
    places = [int(np.searchsorted(bounds[part], passage.start, side="right")) - 1 for part, passage in found]
    documents: dict[str, dict[int, Document]] = {}
    for part in bounds:
        wanted = {place for place, (of, _) in zip(places, found, strict=True) if of == part}
        documents[part] = pick_documents(training.documents, "train", part, wanted)
    return [
        (documents[part][place], int(bounds[part][place]), int(bounds[part][place + 1]))
        for place, (part, _) in zip(places, found, strict=True)
    ]


def texts_between(encoder: TextEncoder, stream: TokenStream, places: Sequence[int]) -> list[str]:
    """The texts between these places. A token may be a part of a character: one that is cut at a place in between is
    written behind it, and one at either end is left out."""
    ids = stream.read(places[0], places[-1] - places[0]).tolist()
    texts = [encoder.decode(ids[: place - places[0]]).rstrip(PART_OF_CHARACTER) for place in places]
    begin = len(texts[-1]) - len(texts[-1].lstrip(PART_OF_CHARACTER))
    cuts = [max(begin, len(text)) for text in texts]
    return [texts[-1][start:stop] for start, stop in pairwise(cuts)]
