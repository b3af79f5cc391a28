"""The thread that runs the model for all requests at once."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inference.writing import Text, decoding
from train.generation.batch import RunningBatch
from train.opening.opened_model import OpenedModel

log = logging.getLogger(__name__)


class Busy(Exception):
    """So many texts are being written or waiting that no more are taken."""


class Failed(Exception):
    """The model could not go on with the texts that were under way."""


class Piece(NamedTuple):
    """What a request is told of one of its texts."""

    number: int
    """Which of them."""
    text: str
    ended: str | None
    """`stop` or `length` with its last piece."""


@dataclass(eq=False)
class Job:
    """The texts of one request."""

    texts: Sequence[Text]
    loop: asyncio.AbstractEventLoop
    pieces: asyncio.Queue[Piece | Failed] = field(default_factory=asyncio.Queue)
    open: set[int] = field(default_factory=set)
    """Numbers of the texts that have not ended."""

    def tell(self, piece: Piece | Failed) -> None:
        """From the engine's thread."""
        self.loop.call_soon_threadsafe(self.pieces.put_nowait, piece)


class Engine:
    """Writes the texts of all requests side by side, in one batch. It has a thread of its own."""

    def __init__(self, opened: OpenedModel, most: int):
        """Args: most: texts that may be under way or waiting at a time."""
        self._opened, self._most = opened, most
        self._batch = self._new_batch()
        self._changed = threading.Condition()
        self._jobs: list[Job] = []
        self._new: list[Job] = []
        self._dropped: list[Job] = []
        self._stopping = False
        self.tokens = 0
        """How many were written since the start."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def texts(self) -> int:
        """How many are under way or waiting."""
        return sum(len(job.open) for job in {*self._jobs, *self._new})

    def write(self, texts: Sequence[Text]) -> AsyncGenerator[Piece]:
        """The texts' pieces as they come. Who stops reading, closes the generator: the texts are then dropped.

        Raises:
            Busy: at once, where there are too many already.
            Failed: while they are read.
        """
        job = Job(texts, asyncio.get_running_loop(), open=set(range(len(texts))))
        with self._changed:
            if self.texts + len(texts) > self._most:
                raise Busy
            self._new.append(job)
            self._changed.notify()
        return self._pieces(job)

    async def _pieces(self, job: Job) -> AsyncGenerator[Piece]:
        left = set(range(len(job.texts)))
        try:
            while left:
                piece = await job.pieces.get()
                if isinstance(piece, Failed):
                    raise piece
                if piece.ended:
                    left.discard(piece.number)
                yield piece
        finally:
            if left:
                with self._changed:
                    self._dropped.append(job)

    def stop(self) -> None:
        """End the thread after the step it is at."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._new or self._batch or self._stopping)
                if self._stopping:
                    return
                self._admit()
            try:
                self.tokens += len(self._batch.step())
                for job in self._jobs:
                    self._tell(job)
            except Exception as error:
                log.exception("the model failed; the texts that were under way are given up")
                self._batch = self._new_batch()
                for job in self._jobs:
                    job.tell(Failed(f"the model failed: {error}"))
                    job.open.clear()

    def _new_batch(self) -> RunningBatch:
        return RunningBatch(self._opened.model, decoding(self._opened))

    def _admit(self) -> None:
        """Take in new jobs, and take out those that are done or that nobody reads any more."""
        for job in self._new:
            for text in job.texts:
                self._batch.add(text.tokens)
        for job in self._dropped:
            for text in job.texts:
                self._batch.remove(text.tokens)
            job.open.clear()
        self._jobs = [job for job in [*self._jobs, *self._new] if job.open]
        self._new.clear()
        self._dropped.clear()

    def _tell(self, job: Job) -> None:
        for number in sorted(job.open):
            text = job.texts[number]
            piece, ended = text.read(), text.tokens.ended
            if piece or ended:
                job.tell(Piece(number, piece, ended))
            if ended:
                job.open.discard(number)
