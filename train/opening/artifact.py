"""The model and tokenizer of an artifact of pretrain or finetune, finished or in training."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from pipeline.config.base import Section
from pipeline.config.objectives import ObjectiveConfig
from pipeline.config.plugins import load_plugins
from pipeline.config.run import RunConfig
from pipeline.config.stages import FinetuneStage, PretrainStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.store.artifacts import SPEC_FILE
from pipeline.store.written_spec import WrittenSpec
from pipeline.tracking.tracker import Tracker
from train.checkpoints.final_model import described_model, described_objective, load_model
from train.checkpoints.initial import starting_model
from train.models import TrainableModel, build_model, family

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class TrainingArtifact(ArtifactFolder):
    """What a stage that trains a model has written, or is writing."""

    @cached_property
    def spec(self) -> WrittenSpec:
        """What stage.yaml says; the plugins that it names are loaded."""
        found = super().spec
        load_plugins(found.plugins)
        return found

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        return load_tokenizer(self.tokenizer_artifact)

    @property
    def objective(self) -> ObjectiveConfig | None:
        """What the model is pretrained by; None of an artifact of finetune."""
        if self.spec.stage != "pretrain":
            return None
        if self.has_model:
            return described_objective(self.folder)
        return self.settings(PretrainStage).objective

    def load(self, checkpoint: Checkpoint | None = None) -> TrainableModel:
        """The final model, or that of a checkpoint, in evaluation mode.

        Raises:
            UserError: where there is none, or it is damaged.
        """
        if checkpoint is None:
            _ = self.spec  # plugins may bring the model's family
            return load_model(self.folder)
        if damage := checkpoint.damage():
            raise UserError(f"the checkpoint {checkpoint.folder} is damaged: {damage}; take another step")
        stage = self.spec.stage
        load = {"pretrain": self._pretrained, "finetune": self._finetuned}.get(stage)
        if load is None:
            raise UserError(
                f"{checkpoint.folder} is of the stage {stage}, of which only finished models are read"
            )
        return load(checkpoint).eval()

    def settings(self, kind: type[S]) -> S:
        """The sections that its stage saw.

        Raises:
            UserError: where another version of this project wrote them.
        """
        try:
            return kind.model_validate(self.spec.config)
        except ValidationError as error:
            raise UserError(
                f"{self.folder / SPEC_FILE} is of another version of this project, which knew other settings "
                f"({len(error.errors())} of them); of this artifact only the finished model can be read"
            ) from None

    def _pretrained(self, checkpoint: Checkpoint) -> TrainableModel:
        from train.weights.states import set_weights  # with all that training needs: slow

        if self.adapted:
            settings = self.settings(PretrainStage)
            model = starting_model(settings, self.vocab_size)
            set_weights(model, checkpoint, settings.pretrain.lora)
            return model
        if self.has_model:  # its section names no file, while that of the settings may
            config, vocab_size = described_model(self.folder)
        else:
            config, vocab_size = self.settings(PretrainStage).model, self.vocab_size
        model = build_model(family(config).without_weights(config, vocab_size), vocab_size)
        set_weights(model, checkpoint, None)
        return model

    def _finetuned(self, checkpoint: Checkpoint) -> TrainableModel:
        # peft loads slowly, and is needed here only.
        from train.finetuning.base_model import find_base_model
        from train.weights.states import set_weights

        settings = self.settings(FinetuneStage).finetune
        inputs = {name: self.input(name) for name in self.spec.input_fingerprints}
        log = logging.getLogger(__name__)
        context = Context(self.folder, inputs, Tracker(self.folder), log, RunConfig(progress=False))
        base = find_base_model(settings.init, context).load()
        set_weights(base, checkpoint, settings.lora)
        return base
