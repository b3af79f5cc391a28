"""A stage's log: lines on the console, and of rank 0 in `log.txt`, which the artifact keeps."""

import logging
import sys
from pathlib import Path
from typing import TextIO

from pipeline.live_line import LIVE_LINE, ON_LIVE_LINE
from pipeline.machine import host_name
from pipeline.redaction import RedactingFormatter
from pipeline.text.wrapping import below_its_stage

LOG_FILE = "log.txt"


class StageLog:
    """Takes what the stage says, and what modules of our packages log by their names."""

    def __init__(self, stage: str, rank: int = 0, folder: Path | None = None):
        """Args: folder: where to keep `log.txt`; None keeps none."""
        console = _Console(sys.stdout)
        console.setLevel(logging.INFO if rank == 0 else logging.ERROR)
        prefix = "" if rank == 0 else f"rank {rank} on {host_name()}: "
        console.setFormatter(_ConsoleFormatter(f"{stage:<9} | ", f"{prefix}%(message)s"))
        handlers: list[logging.Handler] = [console]
        self._file = _LogFile(folder / LOG_FILE, encoding="utf-8") if folder is not None else None
        if self._file is not None:
            self._file.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
            handlers.append(self._file)
        self.logger = logging.getLogger(f"stage.{stage}")
        packages = map(logging.getLogger, ("pipeline", "data_prep", "train", "eval"))
        self._loggers = [self.logger, *packages]
        for logger in self._loggers:
            logger.setLevel(logging.DEBUG)
            logger.propagate = False
            logger.handlers = list(handlers)

    def close_file(self) -> None:
        """End log.txt: from here on it is an output, and must stay as the manifest says."""
        if self._file is None:
            return
        for logger in self._loggers:
            logger.removeHandler(self._file)
        self._file.close()


class _ConsoleFormatter(RedactingFormatter):
    """With the stage in front; on a terminal lines end between words."""

    def __init__(self, stage: str, style: str):
        super().__init__(style)
        self._stage = stage

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not sys.stdout.isatty():
            return self._stage + text
        return below_its_stage(self._stage, text)


class _Console(logging.StreamHandler[TextIO]):
    """Writes above the live line, and leaves out what that line tells."""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, ON_LIVE_LINE, False):
            return
        LIVE_LINE.clear()
        super().emit(record)
        LIVE_LINE.draw()


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: on a full disk the console's line is enough."""
