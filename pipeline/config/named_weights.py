"""Weights that a setting names to start from: a run, an artifact, a training checkpoint, a folder, a hub's name."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline import ROOT
from pipeline.errors import UserError
from pipeline.formats.hub_models import is_model_name, pinned
from pipeline.formats.location import STAGES, Location, find_model, runs_with_a_model
from pipeline.formats.run_folder import is_run, nearest_run


@dataclass(frozen=True)
class NamedWeights:
    """What was written in a setting."""

    setting: str
    """Its key, such as `pretrain.init`."""
    name: str
    """Its value."""
    runs: Path
    """The folder of runs."""
    own: Path
    """The folder of the run that is being configured."""

    @property
    def place(self) -> str:
        """What messages begin with."""
        return f"{self.setting}={self.name}"

    @property
    def is_on_hub(self) -> bool:
        """Whether the name is none of a folder, run or experiment here, nor nearly that of a run, and written as those
        on the hub are."""
        place = Path(self.name).expanduser()
        if place.exists() or not is_model_name(self.name):
            return False
        ours = self.name == self.own.name or self._how_to_make_it() or nearest_run(self.name, self.runs)
        if len(place.parts) == 1 and ours:
            return False
        return place.name not in STAGES and not (self.runs / place.parts[0]).exists()

    def on_hub(self) -> str:
        """The name with the commit that it stands for now.

        Raises:
            UserError: where the hub has no such model, or cannot be reached.
        """
        try:
            return pinned(self.name, self.place)
        except UserError as error:
            if "/" in self.name:
                raise
            raise UserError(f"{error}; {runs_with_a_model(self.runs)}") from None

    def find(self, step: int | None, checkpoint: bool = False) -> Location:
        """The folder that holds them.

        Args:
            step: of the training checkpoint to take.
            checkpoint: look for a training checkpoint although no step is named. Only those of pretraining are gone on
                from: so of a run that was fine-tuned afterwards its pretraining is meant.

        Raises:
            UserError: where there are no such weights, or they are this run's own.
        """
        self._refuse_own_run()
        name = self._pretraining if checkpoint or step is not None else self.name
        try:
            return find_model(name, step, self.runs)
        except UserError as error:
            raise UserError(f"{self.place}: {error}{self._how_to_make_it()}") from None

    def _how_to_make_it(self) -> str:
        """Where an experiment makes a run of that name, and no run has it yet, of which more is told."""
        run = Path(self.name).parts[0] if self.name else ""
        is_experiment = (
            not is_run(self.runs / run) and (ROOT / "conf" / "experiment" / f"{run}.yaml").is_file()
        )
        return f"; an experiment makes it: make pretrain EXP={run}" if is_experiment else ""

    @property
    def _pretraining(self) -> str:
        """Of a run that has pretrained, that; else the name as it is."""
        runs = (Path(self.name).expanduser(), self.runs / self.name)
        pretrained = any(is_run(run) and os.path.lexists(run / "pretrain") for run in runs)
        return f"{self.name}/pretrain" if pretrained else self.name

    def _refuse_own_run(self) -> None:
        places = (Path(self.name).expanduser(), self.runs / self.name)
        named = next((place for place in places if place.exists()), None)
        if named is not None and Path(os.path.abspath(named)).is_relative_to(os.path.abspath(self.own)):
            raise UserError(
                f"{self.place} is this run itself, whose model would be another one after each start; give the "
                "new run a name of its own (run.name=…), or name the folder in the store"
            )
