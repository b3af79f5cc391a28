"""The model that pretraining starts with: random, of weights that exist, or of such with rows for new tokens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from pipeline.config.stages import PretrainStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.vocabulary_extension import VocabularyExtension
from train.checkpoints.initial import InitialWeights
from train.data.batches import Examples
from train.data.losses import Loss
from train.models import TrainableModel, build_model
from train.models.new_rows import fill_with_new_rows, vocabulary_axes
from train.models.sizes import build_on_meta
from train.models.weights import FreshWeights, Weights, draws_by_layer
from train.optim.only_rows import OnlyRows
from train.pruning.stage import PruningPlan

Measure = Callable[[TrainableModel | None], None]
"""See `StartingModel.build`."""


@dataclass(frozen=True)
class StartingModel:
    """What it is made of."""

    config: PretrainStage
    ids: int
    """Of the run's tokenizer."""
    initial: InitialWeights | None
    extension: VocabularyExtension | None
    """Of the tokenizer, where it has tokens that the initial weights do not know."""

    @property
    def vocab_size(self) -> int:
        """Rows of the embeddings: those of the weights, which may have some to spare, or one for each token id.

        Raises:
            UserError: where the weights know fewer than the tokenizer has.
        """
        if self.initial is None:
            return self.ids
        rows = self.initial.vocab_size
        known = self.extension.base_size if self.extension else self.ids
        if rows < known:
            raise UserError(
                f"the tokenizer has {known:,} ids, and the weights of {self.initial.name} know {rows:,}: take their "
                "own tokenizer (leave tokenizer settings out)"
            )
        return max(rows, self.ids)

    def build(self, measure: Measure) -> tuple[TrainableModel, Weights | None]:
        """The model with its weights in it; where ranks draw or read them layer by layer, on the meta device with
        its weights beside it.

        Args:
            measure: called where training starts from weights that exist; where these get rows for new tokens, with
                the model as it was before.

        Raises:
            UserError: where the weights are damaged.
        """
        trainer = self.config.trainer
        settings = self.config.pretrain
        changed = settings.vectors is not None or settings.lora is not None or self.extension is not None
        whole = changed or trainer.steps == 0
        if not whole and draws_by_layer(self.config.model, trainer.ranks):
            empty = build_on_meta(self.config.model, self.vocab_size)
            weights = FreshWeights(empty) if self.initial is None else self.initial.weights(empty)
            if weights is not None:
                if self.initial is not None:
                    measure(None)
                return empty, weights
        model = build_model(self.config.model, self.vocab_size)
        if self.initial is None:
            return model, None
        if self.extension is None:
            self.initial.fill(model)
            measure(None)
            return model, None
        base = build_model(self.config.model, self.initial.vocab_size)
        self.initial.fill(base)
        axes = vocabulary_axes(self.config.model, self.initial.vocab_size)
        fill_with_new_rows(model, base.state_dict(), axes, self.extension)
        measure(base)
        return model, None

    def pruned(
        self,
        train: Mapping[str, Examples],
        validation: Mapping[str, Examples],
        loss: Loss,
        on_gpu: bool,
        context: Context,
    ) -> Self:
        """With the initial weights as `pretrain.prune` has them; as it is without.

        Args:
            train, validation: what a method and its cost are measured on, by parts of the corpus.
        """
        config = self.config
        if config.pretrain.prune is None or self.initial is None:
            return self
        plan = PruningPlan(
            config=config.pretrain.prune,
            section=config.model,
            initial=self.initial,
            train=train,
            validation=validation,
            validation_sequences=config.trainer.validation_sequences,
            loss=loss,
            seed=config.seed,
            on_gpu=on_gpu,
        )
        return replace(self, initial=plan.carry_out(context))

    def only_rows(self) -> OnlyRows | None:
        """What `pretrain.new_rows_steps` asks for."""
        steps = self.config.pretrain.new_rows_steps
        if self.extension is None or not steps:
            return None
        axes = vocabulary_axes(self.config.model, self.vocab_size)
        rows = frozenset(name for name, axis in axes.items() if axis == 0)
        return OnlyRows(rows, self.extension.base_size, steps)
