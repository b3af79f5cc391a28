"""Changed copies of training examples."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.config.base import Section
from pipeline.config.modules import ModuleIn

AUGMENTATIONS = ModuleIn("train.finetuning.augmentation")


class AugmentationConfig(Section):
    """Copies of the training examples with texts that are changed a little; validation and test stay as they are."""

    by: list[Annotated[str, AUGMENTATIONS]] = []
    """How copies are changed, in turn: `swap` and `deletion` of words and `synonyms` from WordNet (Wei and Zou, 2019),
    or `noise` of characters. Of scripts without spaces between words each character is one."""
    copies: PositiveInt = 1
    """Changed copies of each example."""
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the words that are changed."""
    seed: int = 0
    """Of what is drawn."""

    def environment(self) -> dict[str, str]:
        """The code of those that plugins bring."""
        return AUGMENTATIONS.plugin_code(self.by)
