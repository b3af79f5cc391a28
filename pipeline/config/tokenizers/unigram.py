"""Settings of a Unigram tokenizer."""

from typing import ClassVar, Literal

from pipeline.config.tokenizers.base import TokenizerWithUnknown


class Unigram(TokenizerWithUnknown):
    """Unigram, as SentencePiece has it (Kudo, 2018)."""

    implementation: ClassVar[str] = "data_prep.tokenizing.unigram"

    kind: Literal["unigram"] = "unigram"
