"""Forms of an exported model besides its Hugging Face folder: a module for each format of `export.formats`.

All are made of the finished folder in fp32, so a format knows files and no models of ours. What it makes is then read
by what will read it elsewhere, and measured: see `measure.py`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from pipeline.config.export_formats import ExportFormat
from train.models import ConfigFields


class Form(Protocol):
    """A form of the model, read by what will read it elsewhere."""

    @property
    def reader(self) -> str:
        """What reads it, with its version."""
        ...

    @property
    def runs_as_stored(self) -> bool:
        """Whether the reader computes with what is stored, so that its speed tells something of the form; else it has
        made fp32 of it."""
        ...

    def token_ids(self, text: str) -> list[int] | None:
        """By the form's own tokenizer, control tokens in the text read as such; None where it has none."""
        ...

    def logits(self, ids: Sequence[int]) -> Tensor:
        """fp32 [tokens, vocabulary]."""
        ...

    def continue_greedily(self, prompt: Sequence[int], tokens: int) -> list[int]:
        """The likeliest next tokens, one after the other, with a cache; a token that ends texts does not stop it."""
        ...


class FormatModule(Protocol):
    """A module that a section of `pipeline/config/export_formats/` names."""

    @staticmethod
    def check_installed(config: Any) -> None:
        """Raises: UserError: where a package is missing, with what to do."""

    @staticmethod
    def check_model(config: Any, fields: ConfigFields) -> None:
        """Raises: UserError: where the format does not know what such a config.json describes."""

    @staticmethod
    def check_tokenizer(config: Any, tokenizer: Mapping[str, Any]) -> None:
        """Look at the content of tokenizer.json.

        Raises:
            UserError: where the format has no tokenizer that is equal.
        """

    @staticmethod
    def write(config: Any, source: Path) -> Path:
        """Write the form of the model in `source`, in fp32, into a folder there. Returns the file, or the folder, that
        it is."""
        ...

    @staticmethod
    def open_form(config: Any, path: Path, source: Path) -> Form:
        """What `write` gave, opened by what will read it elsewhere.

        Args:
            source: the folder that it was made of.
        """
        ...


def module_of(config: ExportFormat) -> FormatModule:
    """What writes and reads the format."""
    return config.load(FormatModule)
