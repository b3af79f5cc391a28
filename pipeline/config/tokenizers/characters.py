"""Settings of a tokenizer of characters."""

from typing import ClassVar, Literal

from pipeline.config.tokenizers.base import TokenizerWithUnknown


class Characters(TokenizerWithUnknown):
    """One token per character: the most frequent ones, `vocab_size` at the most."""

    implementation: ClassVar[str] = "data_prep.tokenizing.characters"

    kind: Literal["char"] = "char"

    def environment(self) -> dict[str, str]:
        """None: the characters are counted by code of ours."""
        return {}
