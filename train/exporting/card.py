"""What is particular to a model on its card: see `model_card.md.jinja` for the rest."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """Said by the task that the model was trained to."""

    what: str
    """What the model is, in a sentence."""
    tag: str
    usage: Callable[[str], str]
    """From the folder's name to Python code that uses the model in it."""
    pipeline_tag: str = "text-generation"
    """How the Hugging Face hub calls what it does."""
    notes: tuple[str, ...] = ()
    """Paragraphs after the code, in Markdown."""
