"""What is particular to a model on its card: see `model_card.md.jinja` for the rest."""

from dataclasses import dataclass

from train.exporting.usage import Usage, load_with_this_project


@dataclass(frozen=True)
class Card:
    """Said by the task that the model was trained to."""

    what: str
    """What the model is, in a sentence."""
    tag: str
    usage: Usage
    """From the folder's name, and a text of the kind that the model reads, to Python code that uses the model."""
    pipeline_tag: str = "text-generation"
    """How the Hugging Face hub calls what it does."""
    own_usage: Usage = load_with_this_project
    """The same for a folder that only this project can load."""
    notes: tuple[str, ...] = ()
    """Paragraphs after the code, in Markdown."""
