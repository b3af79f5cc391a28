"""The training checkpoints of an exported run, each as a Hugging Face folder of its own."""

import logging
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.config.run import RunConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint, list_checkpoints
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.stages import STAGES
from pipeline.store.artifacts import SPEC_FILE
from pipeline.tracking.tracker import Tracker

TRAININGS = ("finetune", "pretrain")


@dataclass(frozen=True)
class ExportedCheckpoints:
    """Those of the training whose model an export is of."""

    export: Path
    """The artifact of the export stage."""

    @cached_property
    def _stage(self) -> str:
        if not (self.export / SPEC_FILE).is_file():
            raise UserError(
                f"{self.export} is no export of this project, so nothing is known of its training; leave checkpoints "
                "out"
            )
        inputs = ArtifactFolder(self.export).spec.input_fingerprints
        return next(stage for stage in TRAININGS if stage in inputs)

    @cached_property
    def all(self) -> list[Checkpoint]:
        """Those that were kept, oldest first.

        Raises:
            UserError: where there are none, or the training's artifact is gone.
        """
        artifact = ArtifactFolder(self.export).input(self._stage)
        if not (found := list_checkpoints(artifact)):
            raise UserError(f"{artifact} keeps no checkpoints; leave checkpoints out")
        return found

    @contextmanager
    def folder(self, checkpoint: Checkpoint, name: str) -> Generator[Path]:
        """A checkpoint's weights with config, tokenizer and a short card, for a while.

        Args:
            name: of the model, for the card.
        """
        from train.export import write_checkpoint  # torch, which a dry run needs not

        inputs = {
            stage: ArtifactFolder(self.export).input(stage)
            for stage in STAGES["export"].inputs
            if stage in ArtifactFolder(self.export).spec.input_fingerprints
        }
        with tempfile.TemporaryDirectory() as place:
            log = logging.getLogger("lm_workflow.publish")
            context = Context(Path(place), inputs, Tracker(None), log, RunConfig(progress=False))
            folder = Path(place) / "model"
            write_checkpoint(context, checkpoint.step, folder)
            (folder / "README.md").write_text(_card(checkpoint, name), encoding="utf-8")
            yield folder


def _card(checkpoint: Checkpoint, name: str) -> str:
    loss = checkpoint.validation_loss
    measured = "" if loss is None else f", at a validation loss of {loss:.4f}"
    return (
        "---\nlibrary_name: transformers\n---\n\n"
        f"# {name}, step {checkpoint.step:,}\n\n"
        f"A training checkpoint, after {checkpoint.tokens:,} tokens{measured}. The finished model, with all that is "
        "known of it, is on the main branch.\n"
    )
