"""Text that people type or pipe in."""

from typing import Any

from pipeline.errors import UserError
from pipeline.text.surrogates import take_out_surrogates


def refuse_what_is_not_utf8(value: Any, what: str) -> None:
    """Look at a text, or at the texts in a value as JSON has it.

    Of bytes that are not UTF-8 Python makes halves of surrogate pairs, which no tokenizer takes.

    Args:
        what: it is, such as `the prompt`.

    Raises:
        UserError: where there are some.
    """
    if take_out_surrogates(value)[1]:
        raise UserError(f"{what} is not UTF-8; write it in UTF-8")
