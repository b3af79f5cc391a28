"""Settings of a WordPiece tokenizer."""

from typing import ClassVar, Literal

from pydantic import PositiveInt

from pipeline.config.tokenizers.base import TokenizerWithUnknown


class WordPiece(TokenizerWithUnknown):
    """WordPiece, as BERT has it (Devlin et al., 2019). `tokenizer=bert` is uncased, with BERT's special tokens."""

    implementation: ClassVar[str] = "data_prep.tokenizing.wordpiece"

    kind: Literal["wordpiece"] = "wordpiece"
    min_frequency: PositiveInt = 2
    """Pairs that stand less often in the sample are not merged."""
    lowercase: bool = False
    """Make all letters small, as the uncased BERT."""
    strip_accents: bool | None = None
    """Remove accents and other marks of letters. None does so where `lowercase` is set."""
