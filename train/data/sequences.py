"""Whether a stream of tokens is long enough to learn from."""

from pipeline.errors import UserError
from pipeline.text.counts import counted

NO_VALIDATION = (
    "its validation text is shorter than one sequence, so training goes without a validation loss of it"
)

MANY_EPOCHS = 16
"""Up to about four, repeated text is worth almost as much as new text; past sixteen it soon adds nothing (Muennighoff
et al., 2023, Scaling Data-Constrained Language Models, section 5)."""


def too_often(epochs: float) -> str:
    """What to say of a training that reads its text so many times; nothing where it may."""
    if epochs <= MANY_EPOCHS:
        return ""
    return (
        f"{epochs:.0f} epochs: the same text again and again teaches the model to recite it; bring more text, or lower "
        "trainer.steps"
    )


def check_sequences(name: str, tokens: int, sequences: int, length: int) -> None:
    """Raises: UserError: where a stream, which is called by its name, gives not one sequence to learn from."""
    if sequences < 1:
        raise UserError(
            f"{name} has {counted(tokens, 'token')}, fewer than one sequence of {length} needs; "
            "shorten trainer.sequence_length or give the corpus more text"
        )
