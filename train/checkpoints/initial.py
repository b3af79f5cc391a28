"""The weights that a training starts from, once the planner has found them: `pretrain.init` is a folder by then, or a
pinned name on the hub, and so is `finetune.init`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from pipeline.config.pretraining import PretrainConfig
from pipeline.config.stages import PretrainStage
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint
from pipeline.formats.hub_models import description_folder, is_model_name, weights_folder
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER, weight_files
from pipeline.formats.training_artifact import ArtifactFolder, checkpoint_in, folder_name
from pipeline.store.artifacts import PARTIAL
from train.checkpoints.file_weights import FileWeights
from train.checkpoints.files import Reader
from train.checkpoints.final_model import WEIGHTS, load_weights, read_weights
from train.checkpoints.hugging_face import read_folder
from train.models import TrainableModel, build_model
from train.models.weights import Weights


@dataclass(frozen=True)
class InitialWeights:
    """Weights that exist."""

    name: str
    """For people to read."""
    vocab_size: int
    """Rows of their embeddings."""
    files: tuple[Path, ...] | None
    """Of safetensors; None where they are on the hub under `name`, and fetched when they are needed."""
    fill: Callable[[nn.Module], None]
    """Gives them to a model of their section and vocabulary."""
    checkpoint: Checkpoint | None = None
    """Where they are a training checkpoint's."""
    setting: str = "pretrain.init"
    """What names them, for messages."""

    def weights(self, model: nn.Module) -> Weights | None:
        """For a model on the meta device, one at a time; None where they lie in the files in another form than the
        model has them, or do not fit: `fill` then converts them, or says what is wrong.

        Raises:
            UserError: where they are damaged.
        """
        if self.checkpoint is not None:
            return _pieces(self.checkpoint, model)
        if self.files is None:
            folder = weights_folder(self.name, f"{self.setting}={self.name}")
            return find_weights(str(folder), self.setting).weights(model)
        try:
            return FileWeights(model, self.files, self.name)
        except (UserError, OSError, SafetensorError):
            return None

    def check_files(self) -> None:
        """See whether the files are whole, without reading their weights.

        Raises:
            UserError: where there are none, or one was cut or is something else.
        """
        if self.files is None:
            return
        if not self.files:
            raise UserError(
                f"{self.setting}: {self.name} holds no weights in safetensors; name another folder"
            )
        for path in self.files:
            try:
                with safe_open(path, "np"):
                    pass
            except (OSError, SafetensorError) as error:
                raise UserError(
                    f"{self.setting}: {path} is damaged ({error}); get the folder again, or name another"
                ) from None


def initial_weights(settings: PretrainConfig) -> InitialWeights | None:
    """The weights that a `pretrain` section names; None where training starts from random ones.

    Raises:
        UserError: where they are gone, or damaged.
    """
    return None if settings.init is None else find_weights(settings.init)


def find_weights(init: str, setting: str = "pretrain.init") -> InitialWeights:
    """The weights that a setting names: a folder, or a pinned name on the hub.

    Raises:
        UserError: where they are gone, or damaged.
    """
    folder, place = Path(init), f"{setting}={init}"
    if not folder.is_dir() and is_model_name(init):
        return _of_hub(init, place, setting)
    if (checkpoint := checkpoint_in(folder, setting)) is not None:
        return _of_checkpoint(checkpoint, setting)
    if (folder / MODEL_FOLDER / DESCRIPTION).is_file():
        _, vocab_size = ArtifactFolder(folder).described()

        def fill(model: nn.Module) -> None:
            load_weights(model, read_weights(folder), str(folder))

        files = (folder / MODEL_FOLDER / WEIGHTS,)
        return InitialWeights(folder.name, vocab_size, files, fill, setting=setting)
    found = read_folder(folder, place)
    files = tuple(path for path in weight_files(folder) if path.suffix == ".safetensors")
    return InitialWeights(folder_name(folder), found.vocab_size, files, found.fill, setting=setting)


def _of_hub(name: str, place: str, setting: str) -> InitialWeights:
    vocab_size = read_folder(description_folder(name, place), place).vocab_size

    def fill(model: nn.Module) -> None:
        read_folder(weights_folder(name, place), place).fill(model)

    return InitialWeights(name, vocab_size, None, fill, setting=setting)


def starting_model(config: PretrainStage, vocab_size: int) -> TrainableModel:
    """A new copy of the model that pretraining starts from: of random weights, or of those that exist.

    Raises:
        UserError: where the weights are gone or damaged.
    """
    model = build_model(config.model, vocab_size)
    if (initial := initial_weights(config.pretrain)) is not None:
        initial.fill(model)
    return model


def _of_checkpoint(checkpoint: Checkpoint, setting: str) -> InitialWeights:
    artifact = checkpoint.folder.parents[1]
    _, vocab_size = ArtifactFolder(artifact).described(checkpoint)

    def fill(model: nn.Module) -> None:
        _check(checkpoint)
        parameters = dict(model.named_parameters())
        state: dict[str, Any] = dict(model.state_dict())  # what is no parameter is not trained
        state |= Reader(checkpoint).weights({name: p.shape for name, p in parameters.items()})
        load_weights(model, state, str(checkpoint.folder))

    name = f"{artifact.name.removesuffix(PARTIAL)}, step {checkpoint.step:,}"
    return InitialWeights(name, vocab_size, tuple(checkpoint.files), fill, checkpoint, setting)


def _check(checkpoint: Checkpoint) -> None:
    if damage := checkpoint.damage():
        raise UserError(f"the checkpoint {checkpoint.folder} is damaged: {damage}; take another step")


def _pieces(checkpoint: Checkpoint, model: nn.Module) -> Weights:
    """Of a training checkpoint, which holds the model's parameters in pieces."""
    _check(checkpoint)
    reader = Reader(checkpoint)
    for name, parameter in model.named_parameters():
        yield from reader.weights({name: parameter.shape}).items()
