"""Where and how a run happens: none of it changes a result."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat

from pipeline.config.base import Section
from pipeline.data_sheets import data_sheet, nearest_gpus
from pipeline.redaction import masked
from pipeline.remote.listing import is_remote
from pipeline.text.full_width import full_width_hint

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""Of what becomes a folder, and a name of W&B's."""
NAME_IN_WORDS = (
    "must begin with a letter of A to Z or a digit, and have none but these and _ . - in it, no spaces either"
)


class CostConfig(Section):
    """What a training's cost is counted with: the forecast of `dryrun=true`, and beside it what it came to."""

    price: PositiveFloat | None = None
    """Of one device for an hour, in any currency: of a GPU, or of a machine where none is used."""
    device: str | None = None
    """The GPU that training will run on, such as `H100`, where it is not in this machine."""
    watts: PositiveFloat | None = None
    """Power of one device; None takes what earlier runs measured or, of a GPU, the most of its data sheet."""

    def problems(self) -> list[str]:
        if self.device is None or data_sheet(self.device):
            return []
        near = ", ".join(nearest_gpus(self.device))
        return [f"device={self.device!r} is no GPU whose data sheet is known here; such are {near}"]


class RunConfig(Section):
    """A run's name and folders."""

    name: Annotated[str, Field(max_length=128)] = "demo"
    """Folder below `runs`, W&B group (of 128 characters at most), and label of the artifacts that this run builds."""
    artifacts: str = "artifacts"
    """The store: shared by all runs, safe to share between users of a cluster."""
    runs: str = "runs"
    """The folder of runs."""
    progress: bool = True
    """Progress bars; without a terminal a line now and then."""
    cost: CostConfig = CostConfig()
    command: str | None = None
    """Left to the program: the command line that started the run, for its report."""

    @property
    def folder(self) -> Path:
        """Where the run's configuration and the links to its artifacts are."""
        return Path(self.runs) / self.name

    @property
    def is_in_default_folder(self) -> bool:
        """Whether commands that are told nothing else look for the run where it is."""
        return self.runs == type(self).model_fields["runs"].default

    def problems(self) -> list[str]:
        named = [] if re.fullmatch(NAME, self.name) else [f"name={self.name!r} {self._right_name()}"]
        return named + [
            f"{name}={masked(place)} must be a folder, on a file system that all machines of the run share: object "
            "storage has no renames and locks, by which artifacts are complete or absent"
            for name, place in (("artifacts", self.artifacts), ("runs", self.runs))
            if is_remote(place)
        ]

    def _right_name(self) -> str:
        """What a name must be, and one that this one may have meant."""
        hint = full_width_hint(self.name)
        near = re.sub(r"[^A-Za-z0-9_.-]+", "_", self.name).strip("_.-") or "my_model"
        return f"{NAME_IN_WORDS}; {hint or f'for example {near}'}"
