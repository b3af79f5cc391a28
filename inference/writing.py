"""Texts that an opened model writes, piece by piece as they come."""

import secrets
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from pipeline.config.evaluation import SamplingConfig
from pipeline.errors import UserError
from train.generation.batch import Continuation, RunningBatch
from train.generation.generate import decode_text
from train.generation.stops import Decode, Stops
from train.generation.text_stream import TextStream
from train.opening.opened_model import OpenedModel


class TooLong(UserError):
    """A prompt that fills the model's whole context."""


class Text:
    """A text that is being written."""

    def __init__(
        self,
        opened: OpenedModel,
        prompt: Sequence[int],
        config: SamplingConfig,
        stop: Sequence[str] = (),
        seed: int | None = None,
        index: int = 0,
    ):
        """
        Args:
            prompt: token ids; none at all are read as eos.
            stop: texts that end it, besides the model's own.
            seed: of what is drawn; None takes another each time.
            index: which of several texts with this seed it is.

        Raises:
            TooLong: where the prompt leaves no room for a text.
        """
        self.prompt = prompt
        ids = list(prompt) or [opened.tokenizer.eos_token_id]
        model = opened.model
        room = model.room_after(len(ids))
        if room < 1:
            included = ", what it writes included" if model.continues_prompts else ""
            raise TooLong(
                f"the prompt has {len(ids):,} tokens and {opened.name} reads {model.context:,} at once{included}; "
                "shorten the prompt"
            )
        stops = Stops(opened.stops.ids, [*opened.stops.texts, *stop])
        seed = secrets.randbits(64) if seed is None else seed
        limit = min(config.max_new_tokens, room)
        self.tokens = Continuation(ids, config, stops, limit, np.random.default_rng([seed, index]))
        self._stream = TextStream(decoding(opened), ids if model.continues_prompts else [], stops)
        self._pushed = 0

    def read(self) -> str:
        """What has become certain since the last call."""
        new, self._pushed = self.tokens.ids[self._pushed :], len(self.tokens.ids)
        pieces = [self._stream.push(token) for token in new]
        return "".join(pieces) + (self._stream.finish() if self.tokens.ended else "")


def write(opened: OpenedModel, texts: Sequence[Text]) -> Iterator[tuple[int, str]]:
    """Write texts side by side: (which of them, the next piece of it) until all have ended."""
    batch = RunningBatch(opened.model, decoding(opened))
    for text in texts:
        batch.add(text.tokens)
    while batch:
        batch.step()
        for number, text in enumerate(texts):
            if piece := text.read():
                yield number, piece


def decoding(opened: OpenedModel) -> Decode:
    return partial(decode_text, opened.tokenizer)
