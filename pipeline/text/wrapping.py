"""Text on a terminal."""

import shutil

LEAST = 20


def below_its_stage(stage: str, text: str) -> str:
    """What a stage says, or with an empty name anybody: in lines that end between words, where the terminal ends.

    Args:
        stage: what the first line begins with, such as `clean     | `; the bar stands before the others, too.
    """
    from rich.cells import cell_len  # a Chinese character takes two columns
    from rich.console import Console
    from rich.text import Text

    below = "| ".rjust(len(stage)) if stage else ""
    width = max(LEAST, shutil.get_terminal_size().columns - len(below))
    console = Console(width=width)
    lines = [
        part.plain.rstrip()
        for line in text.splitlines()
        for part in ([Text(line)] if cell_len(line) <= width else Text(line).wrap(console, width))
    ]
    return stage + f"\n{below}".join(lines)
