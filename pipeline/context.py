"""What a stage's body is given besides its configuration."""

import logging
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from pipeline.activity import Activity
from pipeline.config.run import RunConfig
from pipeline.errors import UserError
from pipeline.formats.folders import expand_paths, refuse_absent
from pipeline.progress import Progress, progress
from pipeline.remote.copying import fetch
from pipeline.remote.listing import ARTIFACT_SCHEME, basename, is_remote
from pipeline.store.artifacts import SCRATCH
from pipeline.store.markers import is_done
from pipeline.text.counts import counted
from pipeline.tracking.history import History
from pipeline.tracking.tracker import Tracker


class Share(NamedTuple):
    """Which part of a parallel phase's work a process does: every `of`-th piece from the `index`-th on."""

    index: int = 0
    of: int = 1

    def pieces(self, count: int) -> range:
        return range(self.index, count, self.of)


EVERYTHING = Share()


class WorkItem(Protocol):
    """Of the work of a parallel phase."""

    @property
    def number(self) -> int: ...

    @property
    def bytes(self) -> int: ...


P = TypeVar("P", bound=WorkItem)


@dataclass(frozen=True)
class Context:
    """One worker's view of the stage that it runs."""

    folder: Path
    """Where outputs go. After a kill the stage starts again with what it had left there."""
    inputs: dict[str, Path]
    """Folder of each input artifact, by stage."""
    tracker: Tracker
    log: logging.Logger
    run: RunConfig
    rank: int = 0
    world_size: int = 1
    share: Share = EVERYTHING
    activity: Activity = field(default_factory=Activity)
    """What this worker is at, told to the supervisor with its signs of life."""

    @property
    def scratch(self) -> Path:
        """Files between the phases of a stage: kept when it is killed, not kept in the artifact."""
        return self.folder / SCRATCH

    def marker(self, phase: str, piece: int) -> Path:
        """The file that says that a piece of a parallel phase is done, with a tally of it."""
        return self.scratch / phase / f"{piece:05d}.json"

    @property
    def shows_bars(self) -> bool:
        """Whether a library may draw its own bars, which would write empty lines into a log."""
        return self.run.progress and sys.stdout.isatty()

    @contextmanager
    def progress(
        self, label: str, total: float | None, unit: str, scale: float = 1.0, items: str | None = None
    ) -> Generator[Progress]:
        """Shows how far a piece of work is, as `pipeline.progress`, and logs it over time."""
        with progress(label, total, unit, scale, self.run.progress, items) as bar:
            history = History(bar, self.tracker, label, unit, scale, items)
            try:
                yield history
            finally:
                history.close()

    def missing(self, phase: str, pieces: Sequence[P]) -> list[P]:
        """Those of this process's share that are not done yet, or whose marker or files are damaged or gone; and a
        folder for their markers."""
        (self.scratch / phase).mkdir(parents=True, exist_ok=True)
        mine = [pieces[i] for i in self.share.pieces(len(pieces))]
        missing = [piece for piece in mine if not is_done(self.marker(phase, piece.number))]
        if len(missing) < len(mine):
            done = f"{len(mine) - len(missing):,} of {counted(len(mine), 'piece')}"
            self.log.info("%s: %s done already", phase, done)
        return missing

    def locate(self, path: str) -> Path:
        """A file or folder of the configuration: a local path; `artifact://<stage>/<path>`, resolved in the inputs;
        or an address in a store, as a copy in the scratch folder.

        Raises:
            UserError: where it does not exist, or the store cannot be reached.
        """
        if is_remote(path):
            located = self._fetch(path) / basename(path)
        elif not path.startswith(ARTIFACT_SCHEME):
            located = Path(path).expanduser()
        else:
            stage, _, inside = path.removeprefix(ARTIFACT_SCHEME).partition("/")
            if stage not in self.inputs:
                known = ", ".join(sorted(self.inputs)) or "none"
                raise UserError(f"{path!r}: {stage!r} is not an input of this stage (inputs: {known})")
            located = self.inputs[stage] / inside
        refuse_absent(path, located)
        return located

    def locate_files(self, paths: Iterable[str]) -> list[Path]:
        """The files that paths, folders and globs of any kind name: of artifacts, local, of stores.

        Raises:
            UserError: where one of them names nothing, or a store cannot be reached.
        """
        paths = list(paths)
        artifacts = [path for path in paths if path.startswith(ARTIFACT_SCHEME)]
        remote = [path for path in paths if is_remote(path)]
        local = expand_paths(path for path in paths if path not in artifacts and path not in remote)
        copies = [file for path in remote for file in sorted(self._fetch(path).rglob("*")) if file.is_file()]
        return [*map(self.locate, artifacts), *local, *copies]

    def _fetch(self, url: str) -> Path:
        # The scratch folder is one fingerprint's: what changes in the store is planned into another one.
        return fetch(url, self.scratch / "remote", self.log, self.run.progress)
