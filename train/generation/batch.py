"""Texts that a model continues side by side, token by token; some may join while others are under way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pipeline.config.evaluation import SamplingConfig
from train.generation.sampling import penalize, sample
from train.generation.stops import Decode, Stops
from train.models import WritingModel
from train.models.interface import GenerationState

JOIN_EVERY = 16
"""Steps between two times at which texts may join: then all that is under way is read again."""


@dataclass(eq=False)
class Continuation:
    """A prompt that is being continued."""

    prompt: Sequence[int]
    """At least one token. With `new_tokens` it fits into the model: see `WritingModel.room_after`."""
    config: SamplingConfig
    stops: Stops
    new_tokens: int
    """How many tokens there may be at most."""
    random: np.random.Generator
    """Where the numbers come from that a sampled text is drawn with, one for each token."""
    ids: list[int] = field(default_factory=list)
    """The new tokens; one that ends the text is the last of them."""
    ended: Literal["stop", "length"] | None = None
    """Why the text is at its end; None while it goes on."""

    def take(self, token: int, decode: Decode | None) -> None:
        """Continue by a token."""
        self.ids.append(token)
        if self.stops.end(self.ids, decode):
            self.ended = "stop"
        elif len(self.ids) == self.new_tokens:
            self.ended = "length"

    def draw(self) -> float:
        return float(self.random.random(dtype=np.float32))


class RunningBatch:
    """Continues each of its texts by a token at every step. What a text becomes does not depend on the others.

    The model reads all rows at once, padded at the left to one length. Rows whose text has ended leave when they are
    half of the batch. Texts that join are read together with all that was there before, since the padding changes;
    so they join at intervals, or when nothing else is under way.
    """

    def __init__(self, model: WritingModel, decode: Decode | None = None):
        """Args: decode: from ids to text, where continuations have stop texts."""
        self._model, self._decode = model, decode
        self._waiting: list[Continuation] = []
        self._rows: list[Continuation] = []
        self._state: GenerationState | None = None
        self._room = self._steps = 0
        self._last = torch.empty(0, dtype=torch.long)
        self._seen: dict[Continuation, Tensor] = {}

    def __len__(self) -> int:
        """How many texts are not at their end."""
        return len(self._live) + len(self._waiting)

    def add(self, text: Continuation) -> None:
        self._waiting.append(text)

    def remove(self, text: Continuation) -> None:
        """Continue this one no further."""
        text.ended = text.ended or "stop"
        self._waiting = [other for other in self._waiting if other is not text]

    @property
    def _live(self) -> list[Continuation]:
        return [row for row in self._rows if row.ended is None]

    @torch.inference_mode()
    def step(self) -> list[Continuation]:
        """Continue by a token. Returns the texts that got one, those that end with it included."""
        live = self._live
        joins = bool(self._waiting) and (self._steps >= JOIN_EVERY or not live)
        if not (live or joins):
            return []
        state = None if joins else self._with_room(live)
        if state is None:
            logits = self._read([*live, *self._waiting])
        else:
            logits = self._model.next_logits(self._last[:, None], state)
            self._room -= 1
        self._steps += 1
        self._last = self._choose(logits)
        continued = self._live
        for row, token in zip(self._rows, self._last.tolist(), strict=True):
            if row.ended is None:
                row.take(token, self._decode)
                if row in self._seen:
                    self._seen[row][token] = True
        return continued

    def _with_room(self, live: list[Continuation]) -> GenerationState | None:
        """The state, without the rows that have ended where they are at least half; None where it is full.

        Left padding takes room, too: rows may have to be read again with less of it, though each by itself fits.
        """
        state = self._state
        if state is None or self._room <= 0:
            return None
        if 2 * len(live) <= len(self._rows):
            kept = [place for place, row in enumerate(self._rows) if row.ended is None]
            rows = torch.tensor(kept, device=self._last.device)
            state.reorder(rows)
            self._rows, self._last = live, self._last[rows]
        return state

    def _read(self, rows: list[Continuation]) -> Tensor:
        """Begin a new state with all rows; logits [B, V] after the last token of each."""
        self._rows, self._steps = rows, 0
        self._waiting.clear()
        model, device = self._model, next(self._model.parameters()).device
        self._seen = {
            row: _mark(
                [*row.prompt, *row.ids] if model.continues_prompts else row.ids, model.vocab_size, device
            )
            for row in rows
            if row.config.repetition_penalty != 1
        }
        most = max(row.new_tokens - len(row.ids) for row in rows)
        begun = model.begin([row.prompt for row in rows], [row.ids for row in rows], most)
        self._state, self._room = begun.state, begun.room
        return begun.logits

    def _choose(self, logits: Tensor) -> Tensor:
        """The next token of each row, int64 [B]."""
        groups: dict[SamplingConfig, list[int]] = {}
        for place, row in enumerate(self._rows):
            groups.setdefault(row.config, []).append(place)
        tokens = torch.empty(len(logits), dtype=torch.long, device=logits.device)
        for config, places in groups.items():
            found = logits if len(groups) == 1 else logits[places]
            rows = [self._rows[place] for place in places]
            if config.repetition_penalty != 1:
                seen = torch.stack([self._seen[row] for row in rows])
                found = penalize(found.float(), seen, config.repetition_penalty)
            if config.temperature == 0:
                tokens[places] = found.argmax(-1)
            else:
                draws = torch.tensor([row.draw() for row in rows], device=logits.device)
                tokens[places] = sample(found, draws, config)
        return tokens


def _mark(ids: Sequence[int], vocab_size: int, device: torch.device) -> Tensor:
    """Which tokens are among the ids, bool [V]."""
    seen = torch.zeros(vocab_size, dtype=torch.bool, device=device)
    seen[list(ids)] = True
    return seen
