"""What places outside of the artifacts have in common."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from pipeline.errors import first_line
from pipeline.redaction import redacted, secret_values
from pipeline.tracking.tracker import Tracker

PAGES = (".html", ".md", ".txt")
PAGE_BYTES = 20_000_000


class OutsideTracker(Tracker):
    """Sends what a stage logs elsewhere, besides keeping it in the stage's folder.

    Trouble there never stops a stage: it is logged once, and from then on the place is left alone.
    """

    place: ClassVar[str]
    """What messages call it."""

    def __init__(self, folder: Path, stage: str):
        super().__init__(folder)
        self.log_of_stage = logging.getLogger(f"stage.{stage}")
        self.lost = False

    def send(self, action: Callable[[], object]) -> None:
        """Do what talks to the place."""
        if self.lost:
            return
        try:
            action()
        except Exception as error:
            self.lost = True
            self.log_of_stage.warning(
                "%s: %s; from here on this stage is only kept in its folder", self.place, shown_error(error)
            )


def pages(artifact: Path) -> Iterator[Path]:
    """Log, cards and pages of an artifact, for people to read beside the curves."""
    for path in sorted(artifact.rglob("*")):
        if path.suffix in PAGES and path.is_file() and path.stat().st_size <= PAGE_BYTES:
            yield path


def shown_error(error: Exception) -> str:
    """Its first line, without what may be secret."""
    return redacted(first_line(error), secret_values(os.environ))
