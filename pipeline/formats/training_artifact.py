"""What an artifact of pretrain or finetune says of itself, read without torch, since the planner asks."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.formats.checkpoints import FOLDER, Checkpoint, list_checkpoints
from pipeline.formats.model_folder import (
    DESCRIPTION,
    MODEL_FOLDER,
    TOKENIZER_FOLDER,
    model_files,
    tokenizer_files,
)
from pipeline.store.artifacts import SPEC_FILE, Store, damaged, read_json, write_json
from pipeline.store.written_spec import WrittenSpec

_PINNED = re.compile(r"(.+)@[0-9a-f]{40}")
INITIAL_FILE = "initial.json"
"""Says in an artifact of pretrain which weights it started from, where they were not random."""
PRUNING_FILE = "pruning.json"
"""Says how these were pruned, and what that cost: see `train/pruning/stage.py`."""


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

    def model_before(self, name: str) -> str:
        """What names the model that was fine-tuned here.

        Args:
            name: what this one was named by.
        """
        init = (self.spec.config.get("finetune") or {}).get("init")
        if init is not None:
            return str(init)
        if "/" not in name:  # a run's
            return f"{name}/pretrain"
        store, pattern = self.folder.parents[1], f"pretrain/*-{self.spec.input_fingerprints.get('pretrain')}"
        return str(next(store.glob(pattern), store / pattern))

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
                    "are gone on from. Name the finished model, or one of those: RUN/pretrain and a step"
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


def pruned_matrices(folder: Path) -> frozenset[str]:
    """The parameters of an artifact of pretrain of whose weights some were set to zero; none where nothing was."""
    path = folder / PRUNING_FILE
    return frozenset(read_json(path, folder).get("matrices", ()) if path.is_file() else ())


def initial_files(folder: Path) -> list[Path]:
    """The files of weights in a checkpoint's, an artifact's or a Hugging Face folder, and what describes them."""
    if _is_checkpoint(folder):
        return sorted(folder.glob("*.safetensors"))
    model = folder / MODEL_FOLDER
    if (model / DESCRIPTION).is_file():
        return [model / DESCRIPTION, *sorted(model.glob("*.safetensors"))]
    return model_files(folder)


def weights_name(init: str) -> str:
    """What people call the weights that a setting names by their place, which may be a path of this machine's.

    Args:
        init: a folder of an artifact, of a checkpoint or of transformers, or a name on the hub with its commit.
    """
    if found := _PINNED.fullmatch(init):
        return found[1]
    folder = Path(init)
    if _is_checkpoint(folder):
        return f"{folder.parents[1].name}, step {int(folder.name.removeprefix('step-')):,}"
    return folder_name(folder)


def run_label(name: str) -> str:
    """The run's name in the name of an artifact, and any other name as it is."""
    return re.sub(r"-[0-9a-f]{16}(?=$|, step)", "", name)


def folder_name(folder: Path) -> str:
    """What to call a Hugging Face folder: of an export, all of which are called `model`, its run or its artifact."""
    if folder.name != MODEL_FOLDER:
        return folder.name
    export = folder.absolute().parent
    return export.parent.name if export.name == "export" else export.name


def base_files(folder: Path) -> list[Path]:
    """What fine-tuning reads of such a folder: the weights and their tokenizer."""
    artifact = artifact_of(folder)
    tokenizer = folder if artifact is None else artifact.tokenizer_artifact / TOKENIZER_FOLDER
    return [*initial_files(folder), *tokenizer_files(tokenizer)]


def artifact_of(folder: Path) -> ArtifactFolder | None:
    """The artifact that a folder of weights is, or whose checkpoint it is; None for a Hugging Face folder."""
    if _is_checkpoint(folder):
        return ArtifactFolder(folder.parents[1])
    return ArtifactFolder(folder) if (folder / MODEL_FOLDER / DESCRIPTION).is_file() else None


def checkpoint_in(folder: Path, setting: str) -> Checkpoint | None:
    """The training checkpoint that a folder of weights is; None where it is something else.

    Args:
        setting: what named it, for messages.

    Raises:
        UserError: where it is gone or damaged.
    """
    if not _is_checkpoint(folder):
        return None
    found = next((each for each in list_checkpoints(folder.parents[1]) if each.folder == folder), None)
    if found is None:
        raise UserError(f"{setting}: the checkpoint {folder} is gone or damaged; name another step")
    return found


def described_checkpoint(name: str | None, setting: str) -> dict[str, str]:
    """Which model the files of a training checkpoint are of, for a fingerprint, since they hold weights alone; nothing
    for what is none."""
    folder = Path(name or "")
    if not folder.is_dir():
        return {}
    checkpoint, artifact = checkpoint_in(folder, setting), artifact_of(folder)
    if checkpoint is None or artifact is None:
        return {}
    return {"model": json.dumps(artifact.described(checkpoint), sort_keys=True)}


def _is_checkpoint(folder: Path) -> bool:
    """By its place: models of others may lie in a folder of that name, too."""
    named = folder.parent.name == FOLDER and folder.name.startswith("step-")
    return named and not (folder / "config.json").is_file()
