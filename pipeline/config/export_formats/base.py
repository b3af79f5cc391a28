"""What all formats have in common that a model is handed on in."""

from typing import Any, ClassVar

from pydantic import NonNegativeFloat

from pipeline.config.choices import Choice
from pipeline.config.tokenizers import TokenizerConfig


class ExportFormat(Choice):
    """A form of the exported model besides the Hugging Face folder."""

    tag: ClassVar[str] = "format"

    max_rise: NonNegativeFloat = 0.05
    """By how much of itself the perplexity may rise from that of the exported model, else the form is refused."""

    @property
    def label(self) -> str:
        """What tells the form apart from others of the same model, in names of files and in tables."""
        return self.choice

    @property
    def exact(self) -> bool:
        """Whether it computes what the model computes, so that logits are held to `export.tolerance`."""
        return False

    @property
    def logit_tolerance(self) -> float | None:
        """Largest difference of an exact form's logits, where what reads it needs more than `export.tolerance`."""
        return None

    def misfits(self, tokenizer: TokenizerConfig) -> list[str]:
        """Contradictions with the tokenizer that the run makes."""
        return []


def named(formats: Any) -> Any:
    """Lists of formats, where a name alone stands for the format of that name with its own defaults."""
    if isinstance(formats, list):
        return [{"format": format} if isinstance(format, str) else format for format in formats]
    return formats
