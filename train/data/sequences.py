"""Whether a stream of tokens is long enough to learn from."""

from pipeline.errors import UserError

NO_VALIDATION = (
    "its validation text is shorter than one sequence, so training goes without a validation loss of it"
)


def check_sequences(name: str, tokens: int, sequences: int, length: int) -> None:
    """Raises: UserError: where a stream, which is called by its name, gives not one sequence to learn from."""
    if sequences < 1:
        raise UserError(
            f"{name} has {tokens:,} tokens, fewer than one sequence of {length} needs; "
            "shorten trainer.sequence_length or give the corpus more text"
        )
