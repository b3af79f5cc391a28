"""What pretraining starts from."""

from typing import Annotated

from pydantic import NonNegativeInt, PositiveInt

from pipeline.config.base import CONTENT, NEUTRAL, Content, Section
from pipeline.config.distillation import DistillConfig
from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.config.probes import ProbesConfig
from pipeline.config.pruning import PruneConfig
from pipeline.formats.training_artifact import initial_files


class PretrainConfig(Section):
    """Weights to go on from, in place of random ones. The model is then theirs, and so is the tokenizer, unless one is
    named."""

    init: Annotated[str | None, Content(initial_files, or_name=True)] = None
    """A run's name (with `/pretrain` behind it, its model before fine-tuning), the folder of an artifact or of a
    training checkpoint, a Hugging Face folder, or a name on the hub. None starts from random weights."""
    step: PositiveInt | None = None
    """The training checkpoint to take of the run or artifact; None takes its finished model, and of one that is still
    in training the newest checkpoint."""
    with_state: bool = False
    """Go on with the optimizer's state, the step and the position in the data as well: `trainer.steps` then counts from
    the first step of the run that is gone on from. Needs a run of this project, and its optimizer."""

    new_rows_steps: NonNegativeInt = 0
    """With `tokenizer=extended`: for so many first steps only the embeddings (and output rows) of the new tokens are
    trained, all else stays as it is."""
    vectors: Annotated[str | None, CONTENT] = None
    """A file of word vectors in word2vec's format, text or binary, as gensim's `save_word2vec_format` writes it: the
    embeddings of tokens whose text is one of its words start as its vector, scaled to the length of those that are
    drawn. For training from random weights."""
    lora: LoRAConfig | None = None
    """Train adapters in place of all weights. The model is written with them merged, and they beside it."""
    distill: DistillConfig | None = None
    """Learn from a teacher beside the text."""
    prune: PruneConfig | None = None
    """Prune the weights first; training is then what they recover by, and with `trainer.steps=0` there is none."""

    probes: Annotated[ProbesConfig, NEUTRAL] = ProbesConfig()

    def problems(self) -> list[str]:
        if self.init is None:
            return [
                f"{name}={value} is for weights that exist: name them with pretrain.init=…"
                for name, value in (
                    ("step", self.step),
                    ("with_state", self.with_state or None),
                    ("new_rows_steps", self.new_rows_steps or None),
                    ("prune.method", self.prune and self.prune.choice),
                )
                if value is not None
            ]
        if self.vectors is not None:
            return [
                "vectors are for embeddings that are drawn at random, and pretrain.init names weights that have "
                "theirs; leave one of the two out"
            ]
        if self.with_state and self.lora is not None:
            return [
                "with_state goes on with the optimizer's state of all weights, and pretrain.lora trains adapters in "
                "their place; leave one of the two out"
            ]
        return self._pruned()

    def _pruned(self) -> list[str]:
        if self.prune is None:
            return []
        others = {
            "with_state goes on with the optimizer's state of weights that are not pruned": self.with_state,
            "lora's products would be added to the weights that prune sets to zero": self.lora is not None,
        }
        return [f"{why}; leave one of the two out" for why, given in others.items() if given]

    def pruning_misfits(self, model: ModelConfig, *, fine_tunes: bool) -> list[str]:
        """What cannot be pruned, and what would undo it.

        Args:
            fine_tunes: whether the run tunes the model afterwards.
        """
        if self.prune is None or self.init is None:
            return []
        found = self.prune.misfits(model)
        if self.prune.keeps_zeros and fine_tunes:
            found.append(
                "pretrain.prune sets weights to zero, which fine-tuning would change again: fine-tune first, and prune "
                "what it gives (finetune=none pretrain.init=RUN)"
            )
        return found
