"""Text on a terminal."""


def wrapped(text: str, width: int) -> list[str]:
    """Its lines, those that are wider than the terminal broken between words; a Chinese character takes two columns."""
    from rich.cells import cell_len  # a log that is no terminal's needs neither
    from rich.console import Console
    from rich.text import Text

    console = Console(width=width)
    return [
        part.plain.rstrip()
        for line in text.splitlines()
        for part in ([Text(line)] if cell_len(line) <= width else Text(line).wrap(console, width))
    ]
