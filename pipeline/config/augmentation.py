"""Changed copies of training examples."""

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.config.base import CONTENT, Section
from pipeline.config.modules import ModuleIn

AUGMENTATIONS = ModuleIn("train.finetuning.augmentation")


class AugmentationConfig(Section):
    """Copies of the training examples with texts that are changed a little; validation and test stay as they are."""

    by: list[Annotated[str, AUGMENTATIONS]] = []
    """How copies are changed, in turn: `swap` and `deletion` of words and `synonyms` from WordNet (Wei and Zou, 2019),
    `neighbours` of words by their vectors, `noise` of characters, or whole `paraphrases`. Of scripts without spaces
    between words each character is one."""
    vectors: Annotated[str | None, CONTENT] = None
    """For `neighbours`: a file of word vectors in word2vec's format, such as those that gensim has learned on the
    corpus (`save_word2vec_format`)."""
    paraphrases: Annotated[str | None, CONTENT] = None
    """For `paraphrases`: a .jsonl of rows with `text` and a list of its `paraphrases`, such as translations there and
    back, which `python -m inference.back_translate` makes."""
    copies: PositiveInt = 1
    """Changed copies of each example."""
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the words that are changed; `paraphrases` change all."""
    seed: int = 0
    """Of what is drawn."""

    def problems(self) -> list[str]:
        found = []
        if "neighbours" in self.by and self.vectors is None:
            found.append("by=neighbours needs word vectors: name a file in word2vec's format as vectors")
        if "paraphrases" in self.by and self.paraphrases is None:
            found.append("by=paraphrases needs a file of them: python -m inference.back_translate makes one")
        return found

    def environment(self) -> dict[str, str]:
        """The code of those that plugins bring."""
        return AUGMENTATIONS.plugin_code(self.by)
