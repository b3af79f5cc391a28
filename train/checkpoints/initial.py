"""The weights that pretraining starts from, once the planner has found them: `pretrain.init` is a folder by then."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from pipeline.config.pretraining import PretrainConfig
from pipeline.config.stages import PretrainStage
from pipeline.errors import UserError
from pipeline.formats.checkpoints import FOLDER, Checkpoint, list_checkpoints
from pipeline.formats.hub_models import description_folder, is_model_name, weights_folder
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER, weight_files
from pipeline.formats.training_artifact import ArtifactFolder
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
    """Of safetensors; None where they are on the hub, and fetched when they are needed."""
    fill: Callable[[nn.Module], None]
    """Gives them to a model of their section and vocabulary."""
    checkpoint: Checkpoint | None = None
    """Where they are a training checkpoint's."""

    def weights(self, model: nn.Module) -> Weights | None:
        """For a model on the meta device, one at a time; None where they lie in the files in another form than the
        model has them, or do not fit: `fill` then converts them, or says what is wrong.

        Raises:
            UserError: where they are damaged.
        """
        if self.checkpoint is not None:
            return _pieces(self.checkpoint, model)
        if self.files is None:
            return None
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
                f"pretrain.init: {self.name} holds no weights in safetensors; name another folder"
            )
        for path in self.files:
            try:
                with safe_open(path, "np"):
                    pass
            except (OSError, SafetensorError) as error:
                raise UserError(
                    f"pretrain.init: {path} is damaged ({error}); get the folder again, or name another"
                ) from None


def initial_weights(settings: PretrainConfig) -> InitialWeights | None:
    """The weights that a `pretrain` section names; None where training starts from random ones.

    Raises:
        UserError: where they are gone, or damaged.
    """
    if settings.init is None:
        return None
    folder = Path(settings.init)
    if not folder.is_dir() and is_model_name(settings.init):
        return _of_hub(settings.init)
    if folder.parent.name == FOLDER:
        return _of_checkpoint(folder)
    if (folder / MODEL_FOLDER / DESCRIPTION).is_file():
        _, vocab_size = ArtifactFolder(folder).described()

        def fill(model: nn.Module) -> None:
            load_weights(model, read_weights(folder), str(folder))

        return InitialWeights(folder.name, vocab_size, (folder / MODEL_FOLDER / WEIGHTS,), fill)
    found = read_folder(folder, f"pretrain.init={folder}")
    name = folder.resolve().parent.name if folder.name == MODEL_FOLDER else folder.name  # of an export
    files = tuple(path for path in weight_files(folder) if path.suffix == ".safetensors")
    return InitialWeights(name, found.vocab_size, files, found.fill)


def _of_hub(name: str) -> InitialWeights:
    place = f"pretrain.init={name}"
    vocab_size = read_folder(description_folder(name, place), place).vocab_size

    def fill(model: nn.Module) -> None:
        read_folder(weights_folder(name, place), place).fill(model)

    return InitialWeights(name, vocab_size, None, fill)


def starting_model(config: PretrainStage, vocab_size: int) -> TrainableModel:
    """A new copy of the model that pretraining starts from: of random weights, or of those that exist.

    Raises:
        UserError: where the weights are gone or damaged.
    """
    model = build_model(config.model, vocab_size)
    if (initial := initial_weights(config.pretrain)) is not None:
        initial.fill(model)
    return model


def _of_checkpoint(folder: Path) -> InitialWeights:
    artifact = folder.parents[1]
    checkpoint = next((each for each in list_checkpoints(artifact) if each.folder == folder), None)
    if checkpoint is None:
        raise UserError(f"the checkpoint {folder} is gone or damaged; name another with pretrain.step=…")
    _, vocab_size = ArtifactFolder(artifact).described(checkpoint)

    def fill(model: nn.Module) -> None:
        _check(checkpoint)
        parameters = dict(model.named_parameters())
        state: dict[str, Any] = dict(model.state_dict())  # what is no parameter is not trained
        state |= Reader(checkpoint).weights({name: p.shape for name, p in parameters.items()})
        load_weights(model, state, str(folder))

    name = f"{artifact.name.removesuffix(PARTIAL)}, step {checkpoint.step:,}"
    return InitialWeights(name, vocab_size, tuple(checkpoint.files), fill, checkpoint)


def _check(checkpoint: Checkpoint) -> None:
    if damage := checkpoint.damage():
        raise UserError(f"the checkpoint {checkpoint.folder} is damaged: {damage}; take another step")


def _pieces(checkpoint: Checkpoint, model: nn.Module) -> Weights:
    """Of a training checkpoint, which holds the model's parameters in pieces."""
    _check(checkpoint)
    reader = Reader(checkpoint)
    for name, parameter in model.named_parameters():
        yield from reader.weights({name: parameter.shape}).items()
