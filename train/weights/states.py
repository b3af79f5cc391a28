"""The weights of training checkpoints under the names of the finished model, and their means."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from torch import Tensor, nn

from pipeline.config.base import Section
from pipeline.config.lora import LoRAConfig
from pipeline.config.stages import FinetuneStage, PretrainStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint, list_checkpoints
from pipeline.store.artifacts import MANIFEST, read_json
from train.adapters import ADAPTER_FOLDER
from train.checkpoints.files import Reader
from train.checkpoints.final_model import described_model, load_model, load_weights, read_weights
from train.checkpoints.final_state import FinalState
from train.checkpoints.initial import starting_model
from train.finetuning.artifact import TASK_FILE, read_task
from train.finetuning.base_model import find_base_model
from train.models import TrainableModel
from train.models.wrapped import BODY, WrappedModel

S = TypeVar("S", bound=Section)


def set_weights(model: TrainableModel, checkpoint: Checkpoint, lora: LoRAConfig | None) -> None:
    """Give a model, in place, the weights of a checkpoint of its training.

    Args:
        model: what was trained, or what the trained module had for its body; with adapters it holds the base's weights,
            and gets the adapters merged.

    Raises:
        UserError: where the checkpoint is of another model.
    """
    trained = _as_trained(model, checkpoint)
    adapted = None
    if lora is not None:
        from train.adapters.lora import add_adapters_to_merge  # peft loads slowly, and is needed here only

        adapted = add_adapters_to_merge(trained, lora)
    state = FinalState(trained, keeps_frozen=True).read(checkpoint)
    load_weights(trained, state, str(checkpoint.folder))
    if adapted is not None:
        from train.adapters.lora import merge_adapters

        merge_adapters(adapted)  # in place


def _as_trained(model: TrainableModel, checkpoint: Checkpoint) -> TrainableModel:
    """The module whose parameters are called as in the checkpoint: preference tasks train a language model within one
    that makes the loss."""
    within = any(name.startswith(BODY) for name in Reader(checkpoint).names)
    return WrappedModel(model) if within and not _has_body(model) else model


def _has_body(model: nn.Module) -> bool:
    return any(name.startswith(BODY) for name, _ in model.named_parameters())


class TrainedStates:
    """The weights at the checkpoints of a finished artifact of pretrain or finetune.

    A state holds what the artifact's own `model.safetensors` holds: the same names, in fp32.
    """

    def __init__(self, artifact: Path, context: Context):
        """
        Args:
            context: of a stage that reads the artifact, and what it was trained from.
        """
        self._artifact, self._context = artifact, context
        self._checkpoints = {checkpoint.step: checkpoint for checkpoint in list_checkpoints(artifact)}
        self._names = list(read_weights(artifact))

    @property
    def steps(self) -> list[int]:
        """Those that were kept, the first one first."""
        return sorted(self._checkpoints)

    def at(self, step: int) -> dict[str, Tensor]:
        """The weights at a step.

        Raises:
            UserError: where its checkpoint is gone, damaged or of another model.
        """
        checkpoint = self._checkpoints.get(step)
        if checkpoint is None:
            raise UserError(
                f"the checkpoint of step {step} in {self._artifact} is gone; choose other weights to export"
            )
        if damage := checkpoint.damage():
            raise UserError(
                f"the checkpoint {checkpoint.folder} is damaged: {damage}; choose other weights by export.weights or "
                "export.step, or delete its folder, so that it does not count"
            )
        state = self._merged(checkpoint) if self._is_adapted else self._whole.read(checkpoint)
        return {name: state[name if name in state else BODY + name] for name in self._names}

    def mean(self, shares: Mapping[int, float]) -> dict[str, Tensor]:
        """The weighted mean of the weights at some steps, in fp32; it takes the memory of two models.

        Of adapters the merged weights are averaged, not their factors: the mean of products is no product of means.

        Args:
            shares: by step; together 1.

        Raises:
            UserError: as `at`.
        """
        if len(shares) == 1:
            return self.at(next(iter(shares)))
        mean: dict[str, Tensor] = {}
        for step, share in shares.items():
            for name, tensor in self.at(step).items():
                if name in mean:
                    mean[name].add_(tensor, alpha=share)
                else:
                    mean[name] = tensor.mul(share)
        return mean

    def means_of_the_last(self) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
        """The uniform means of the newest checkpoint alone, of the newest two, and so on, with their steps.

        Each state is changed in place to make the next one.
        """
        steps = self.steps[::-1]
        mean = {name: tensor.clone() for name, tensor in self.at(steps[0]).items()}
        yield steps[:1], mean
        for count, step in enumerate(steps[1:], 2):
            for name, tensor in self.at(step).items():
                mean[name].lerp_(tensor, 1 / count)
            yield sorted(steps[:count]), mean

    @property
    def _is_adapted(self) -> bool:
        return (self._artifact / ADAPTER_FOLDER).is_dir()

    @cached_property
    def _whole(self) -> FinalState:
        """Reads checkpoints of a training of all weights; what is no parameter stays as the finished model has it."""
        newest = self._checkpoints[self.steps[-1]]
        return FinalState(_as_trained(self._model(), newest), keeps_frozen=True)

    def _model(self) -> TrainableModel:
        if not (self._artifact / TASK_FILE).is_file():
            return load_model(self._artifact)
        task, _ = read_task(self._artifact)
        return task.load_model(self._artifact)

    def _merged(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """The base's weights with the adapters of a checkpoint added, and the task's head."""
        model = self._model()
        body: Any = model.backbone if isinstance(model, WrappedModel) else model
        base, lora = self._base()
        own = body.state_dict()
        body.load_state_dict(
            {name: t for name, t in base.state_dict().items() if name in own}
        )  # a head has no lm_head
        set_weights(model, checkpoint, lora)
        return {name: tensor.detach() for name, tensor in model.state_dict().items()}

    def _base(self) -> tuple[TrainableModel, LoRAConfig | None]:
        """A new copy of the model that adapters were trained on, and which they are."""
        if not (self._artifact / TASK_FILE).is_file():
            settings = self._settings(PretrainStage)
            _, vocab_size = described_model(self._artifact)
            return starting_model(settings, vocab_size), settings.pretrain.lora
        tuning = self._settings(FinetuneStage).finetune
        return find_base_model(tuning.init, self._context).load(), tuning.lora

    def _settings(self, kind: type[S]) -> S:
        config = read_json(self._artifact / MANIFEST, self._artifact, ("config",))["config"]
        try:
            return kind.model_validate(config)
        except ValidationError as error:
            raise UserError(
                f"{self._artifact} is of another version of this project, which knew other settings "
                f"({len(error.errors())} of them); of it only export.weights=last can be exported"
            ) from None
