"""What all pretraining objectives have in common."""

from collections.abc import Iterator
from typing import ClassVar

from pipeline.config.choices import Choice
from pipeline.config.data import DataConfig, Packing
from pipeline.config.distillation import DistillConfig
from pipeline.config.models.base import READINGS, ModelConfig, Reading


class ObjectiveConfig(Choice):
    """What a model learns to predict of the text that it is pretrained on."""

    tag: ClassVar[str] = "name"

    reading: ClassVar[Reading] = "left_to_right"
    """How a model has to read to learn this."""

    packings: ClassVar[tuple[Packing, ...]] = ("concatenate",)
    """Values of `data.packing` that the objective knows."""

    gives_perplexity: ClassVar[bool] = False
    """Whether the loss is the text's own: the mean cross-entropy of all its tokens, each predicted from those before
    it. Only then is its exponential a perplexity that can be compared with another model's."""

    @property
    def fits_any_tokenizer(self) -> bool:
        """Whether it needs no token of its own, such as one for what is masked."""
        return False

    def examples_in(self, tokens: int, length: int) -> int:
        """How many examples of `length` tokens a stream of so many tokens gives when it is cut into windows."""
        return tokens // length

    def target_length(self, length: int) -> int:
        """How many tokens are predicted for `length` that are read: those that an encoder–decoder writes, or that are
        masked. 0 where it is the text itself."""
        return 0

    def summary(self) -> str:
        """The objective in a few words, for the log and the model card."""
        return self.choice

    def lacks(self, what: str) -> str:
        """Tells that runs with this objective go without something."""
        return f"no {what}: the objective `{self.choice}` has none"

    def distill_misfits(self, model: ModelConfig, distill: DistillConfig) -> Iterator[str]:
        """Why such a model cannot learn this from a teacher as well, one sentence each, with the remedy."""
        yield (
            f"pretrain.distill teaches the distribution of each next token, and objective.name={self.choice} predicts "
            "something else; leave it out, or set objective=causal"
        )

    def misfits(self, model: ModelConfig, data: DataConfig) -> Iterator[str]:
        """Why such a model cannot learn this from such data, one sentence each, with the remedy."""
        if model.reading != self.reading:
            families = [name for name, one in ModelConfig.choices().items() if self.reading in one.readings]
            objectives = [n for n, one in ObjectiveConfig.choices().items() if one.reading == model.reading]
            yield (
                f"objective.name={self.choice} needs a model that {READINGS[self.reading]}, and "
                f"model.family={model.choice} {READINGS[model.reading]}; choose a family that fits the objective "
                f"({', '.join(families) or 'a plugin may bring one'}), or an objective that fits the model "
                f"({', '.join(objectives) or 'a plugin may bring one'})"
            )
        if data.packing not in self.packings:
            yield (
                f"data.packing={data.packing} is nothing that objective.name={self.choice} knows; "
                f"set it to {' or '.join(self.packings)}"
            )
