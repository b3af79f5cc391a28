"""What `tokenizer=extended` writes beside its tokenizer: which tokens are new, and what the old ones make of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import UserError
from pipeline.store.artifacts import damaged, read_json, write_json

EXTENSION_FILE = "extension.json"
EXTENSION_TABLE = "vocabulary_extension"
"""Table of a tokenizer artifact: how it serves held-out text, and how its base does."""
BASE_FOLDER = "base"
"""Folder in a tokenizer artifact that holds the tokenizer before its extension, as an artifact of its own would."""


@dataclass(frozen=True)
class VocabularyExtension:
    """The tokens behind those that pretrained weights know."""

    base_size: int
    """Ids below this are the base's."""
    pieces: Sequence[Sequence[int]]
    """Of each new token, in the order of their ids from `base_size` on, the base's ids that spell it."""

    @property
    def vocab_size(self) -> int:
        return self.base_size + len(self.pieces)

    def save(self, artifact: Path) -> None:
        write_json(artifact / EXTENSION_FILE, asdict(self))

    @classmethod
    def load(cls, artifact: Path) -> "VocabularyExtension | None":
        """That of a tokenizer artifact; None where its tokenizer extends no other.

        Raises:
            UserError: where the file is damaged.
        """
        path = artifact / EXTENSION_FILE
        if not path.is_file():
            return None
        try:
            return TypeAdapter(cls).validate_python(read_json(path, artifact))
        except ValidationError:
            raise UserError(damaged(path, "it describes no new tokens", artifact)) from None
