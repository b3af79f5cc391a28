"""The settings of a tokenizer."""

from typing import ClassVar, Literal

from pipeline.config.tokenizers.base import TokenizerWithUnknown


class WholeWords(TokenizerWithUnknown):
    """One token per word, for the most frequent words."""

    implementation: ClassVar[str] = "my_lab.whole_words_tokenizer"

    kind: Literal["words"] = "words"
