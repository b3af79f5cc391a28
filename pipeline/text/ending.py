"""The end of a long text, where what comes behind it is to be seen."""


def ending(text: str, most: int) -> str:
    """The text, or of a longer one its last `most` characters at most, behind an ellipsis: its last paragraphs, two or
    more, or else its last words."""
    if len(text) <= most:
        return text
    end = text[len(text) - most :]
    paragraphs, words = end.partition("\n\n")[2], end.partition(" ")[2]
    return f"… {paragraphs}" if "\n\n" in paragraphs else f"…{f' {words}' if words.strip() else end}"
