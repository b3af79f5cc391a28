"""Signs of life: every rank gives one each few seconds, with a word on what it is at."""

import os
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from pipeline.activity import Activity
from pipeline.store.signs_of_life import beat_file

BEAT_SECONDS = 5.0


class Heartbeat:
    """Writes `ranks/rank-<rank>.beat` from a thread of its own until it is stopped."""

    def __init__(self, folder: Path, rank: int, activity: Activity):
        self._path, self._activity = beat_file(folder, rank), activity
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(BEAT_SECONDS)

    def _run(self) -> None:
        while True:
            with suppress(OSError):
                self._path.write_text(self._activity.text)
            with suppress(OSError):  # on a full disk this is what is left
                os.utime(self._path)
            if self._stopped.wait(BEAT_SECONDS):
                return
