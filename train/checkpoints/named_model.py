"""The model that a setting names, once the planner has found its place: a folder, or a pinned name on the hub."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.config.models import ModelConfig
from pipeline.formats.hub_models import description_folder, is_model_name
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.training_artifact import ArtifactFolder, artifact_of, checkpoint_in
from train.checkpoints.hugging_face import read_folder
from train.checkpoints.initial import InitialWeights, find_weights
from train.models import TrainableModel, build_model, family
from train.models.sizes import build_on_meta
from train.models.weights import Weights, draws_by_layer


@dataclass(frozen=True)
class NamedModel:
    """A trained model; no weights are read before it is loaded."""

    name: str
    """For people to read."""
    config: ModelConfig
    vocab_size: int
    """Rows of its embeddings."""
    folder: Path
    """Of what describes it."""
    artifact: ArtifactFolder | None
    """Where it is of a run of this project."""
    weights: InitialWeights

    def load(self) -> TrainableModel:
        """A new copy of the model, ready to be trained.

        Raises:
            UserError: where the weights are damaged.
        """
        model = build_model(self.config, self.vocab_size)
        self.weights.fill(model)
        return model.train()

    def by_layer(self, ranks: int) -> tuple[TrainableModel, Weights] | None:
        """A new copy on the meta device, with its weights beside it, so that no rank holds all of them; None where
        there is one rank alone, or the model or its files do not allow it.

        Raises:
            UserError: where the weights are damaged.
        """
        if not draws_by_layer(self.config, ranks):
            return None
        model = build_on_meta(self.config, self.vocab_size)
        weights = self.weights.weights(model)
        return None if weights is None else (model.train(), weights)

    @property
    def tokenizer(self) -> Path:
        """The folder where its tokenizer's files are, if there are any.

        Raises:
            UserError: where it is of a run whose tokenizer is gone.
        """
        return self.folder if self.artifact is None else self.artifact.tokenizer_artifact / TOKENIZER_FOLDER


def named_model(name: str, setting: str) -> NamedModel:
    """
    Args:
        name: a folder of an artifact, of a training checkpoint or of Hugging Face, or a pinned name on the hub.
        setting: what names it, for messages.

    Raises:
        UserError: where there is no model.
    """
    folder, place = Path(name).expanduser(), f"{setting}={name}"
    if _is_on_hub(name):
        description = description_folder(name, place)
        found = read_folder(description, place)
        weights = find_weights(name, setting)
        return NamedModel(name, found.config, found.vocab_size, description, None, weights)
    artifact = artifact_of(folder)
    if artifact is None:
        found = read_folder(folder, place)
        weights = find_weights(str(folder), setting)
        return NamedModel(weights.name, found.config, found.vocab_size, folder, None, weights)
    return model_of_run(folder, artifact, setting)


def located_model(name: str, locate: Callable[[str], Path], setting: str) -> NamedModel:
    """As `named_model`, of a folder as the configuration names it.

    Args:
        locate: from a path in the configuration to a folder, as `Context.locate`.
    """
    return named_model(name if _is_on_hub(name) else str(locate(name)), setting)


def _is_on_hub(name: str) -> bool:
    return not Path(name).expanduser().exists() and is_model_name(name)


def model_of_run(folder: Path, artifact: ArtifactFolder, setting: str) -> NamedModel:
    """The finished model of an artifact, or that of a checkpoint of pretraining.

    Args:
        setting: what names it, for messages.
    """
    section, vocab_size = artifact.described(checkpoint_in(folder, setting))
    config = TypeAdapter(ModelConfig).validate_python(section)
    config = family(config).without_weights(config, vocab_size)
    weights = find_weights(str(folder), setting)
    return NamedModel(weights.name, config, vocab_size, folder, artifact, weights)
