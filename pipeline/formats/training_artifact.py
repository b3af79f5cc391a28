"""What an artifact of pretrain or finetune says of itself, read without torch, since the planner asks."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER, TOKENIZER_FOLDER
from pipeline.store.artifacts import SPEC_FILE, Store, damaged, read_json, write_json
from pipeline.store.written_spec import WrittenSpec

INITIAL_FILE = "initial.json"
"""Says in an artifact of pretrain which weights it started from, where they were not random."""


@dataclass(frozen=True)
class ArtifactFolder:
    """The folder of a stage that trains a model, finished or at work."""

    folder: Path

    @cached_property
    def spec(self) -> WrittenSpec:
        """What stage.yaml says.

        Raises:
            UserError: where the file is missing or damaged.
        """
        try:
            return WrittenSpec.read(self.folder)
        except (OSError, ValueError) as error:
            raise UserError(damaged(self.folder / SPEC_FILE, str(error), self.folder)) from None

    def input(self, stage: str) -> Path:
        """The folder of an artifact that this one was made from, in the same store.

        Raises:
            UserError: where it is gone.
        """
        store, fingerprint = self.folder.parents[1], self.spec.input_fingerprints.get(stage)
        found = Store(store).find(stage, fingerprint) if fingerprint else None
        if found is None:
            raise UserError(
                f"{self.folder} needs the {stage} that it was made with, {store / stage}/…-{fingerprint}, which is not "
                "there; run its stage again, or copy it there"
            )
        return found.folder

    @property
    def tokenizer_artifact(self) -> Path:
        """Where its tokenizer's folder is: in itself, or in its input.

        Raises:
            UserError: where it is gone.
        """
        return self.folder if (self.folder / TOKENIZER_FOLDER).is_dir() else self.input("tokenizer")

    def described(self, checkpoint: Checkpoint | None = None) -> tuple[dict[str, Any], int]:
        """The `model` section of its final model, or of a checkpoint of pretraining, and the size of its vocabulary.

        Raises:
            UserError: where there is none, or it is damaged.
        """
        if checkpoint is not None:
            model = self.spec.config.get("model")
            if self.spec.stage != "pretrain" or not isinstance(model, dict):
                raise UserError(
                    f"{checkpoint.folder} is a checkpoint of the stage {self.spec.stage}; only those of pretrain "
                    "are gone on from. Leave the step out, to take the finished model"
                )
            if self.adapted:
                raise UserError(
                    f"{checkpoint.folder} holds adapters alone; leave the step out, to take the finished model, or "
                    "raise trainer.steps of its own run to lengthen it"
                )
            if not self.has_model:
                return model, self.vocab_size
        path = self.folder / MODEL_FOLDER / DESCRIPTION
        found = read_json(path, self.folder, ("model", "vocab_size"))
        return found["model"], found["vocab_size"]

    @property
    def has_model(self) -> bool:
        """Whether its training has ended with a model."""
        return (self.folder / MODEL_FOLDER / DESCRIPTION).is_file()

    @property
    def adapted(self) -> bool:
        """Whether pretraining has trained adapters here, which its checkpoints hold then."""
        return bool((self.spec.config.get("pretrain") or {}).get("lora"))

    @property
    def vocab_size(self) -> int:
        """Rows of the embeddings of what is pretrained here: those of the weights that it started from, or as many as
        its tokenizer has ids.

        Raises:
            UserError: where what says so is gone or damaged.
        """
        if (self.folder / INITIAL_FILE).is_file():
            return int(read_json(self.folder / INITIAL_FILE, self.folder, ("vocab_size",))["vocab_size"])
        from pipeline.formats.shards import ShardIndex  # needs numpy, which loads slowly

        return ShardIndex.load(self.input("shards")).vocab_size


def write_initial(folder: Path, name: str, vocab_size: int) -> None:
    """Say in an artifact of pretrain whose weights it starts from."""
    write_json(folder / INITIAL_FILE, {"name": name, "vocab_size": vocab_size})
