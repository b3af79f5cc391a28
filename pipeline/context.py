"""What a stage's body is given besides its configuration."""

import logging
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.run import RunConfig
from pipeline.errors import UserError
from pipeline.fingerprint import ARTIFACT_SCHEME
from pipeline.tracking import Tracker


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

    def locate(self, path: str) -> Path:
        """A path from the configuration; `artifact://<stage>/<path>` is resolved in the inputs.

        Raises:
            UserError: where it does not exist.
        """
        if not path.startswith(ARTIFACT_SCHEME):
            located = Path(path).expanduser()
        else:
            stage, _, inside = path.removeprefix(ARTIFACT_SCHEME).partition("/")
            if stage not in self.inputs:
                known = ", ".join(sorted(self.inputs)) or "none"
                raise UserError(f"{path!r}: {stage!r} is not an input of this stage (inputs: {known})")
            located = self.inputs[stage] / inside
        if not located.exists():
            raise UserError(
                f"{path!r} does not exist" + (f" (looked at {located})" if str(located) != path else "")
            )
        return located
