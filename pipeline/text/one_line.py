"""A text of several lines as one, in which a reader still sees where they end."""


def in_one_line(text: str) -> str:
    """The text with the signs `⏎` and `␍` for what ends its lines, and `⇥` for tabs."""
    return text.replace("\r", "␍").replace("\n", "⏎").replace("\t", "⇥")
