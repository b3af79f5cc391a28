"""Whether a file of plain text is one text, or a list of short texts with blank lines between them.

Markdown, books and notes have blank lines between paragraphs, which say little alone. A list of reviews or abstracts
has them between texts that stand for themselves. What tells the two apart is that among paragraphs there are always
short ones: headings, list items, answers in a dialogue.
"""

from pathlib import Path

HEAD_BYTES = 1_000_000
LEAST_TEXTS = 100
SHORT_CHARS = 200
"""A shorter text hardly stands for itself; the default filters drop it (`clean.filters.min_chars`)."""
MOST_SHORT = 0.05
LEAST_LINES = 1_000
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", '"', "'", "”", "’", "」", "』", "।", "؟")
"""With the quotes behind them. Lines of prose that is wrapped seldom end so."""
LONGEST_READ = 1 << 16
"""Bytes of a line that are read at a time."""


def is_list(path: Path) -> bool:
    """Whether the beginning of the file (1 MB) holds at least 100 blocks of text between blank lines, of which at most
    5% have fewer than 200 characters."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        goes_on = bool(file.read(1))
    sizes = _block_sizes(head.decode("utf-8-sig", "ignore"))
    if goes_on:
        sizes = sizes[:-1]  # which may be cut
    return len(sizes) >= LEAST_TEXTS and sum(size < SHORT_CHARS for size in sizes) <= MOST_SHORT * len(sizes)


def is_list_of_lines(path: Path) -> bool:
    """Whether the beginning of the file (1 MB) holds at least 1,000 lines and no blank one between them, of which most
    are short and end as a sentence does. A book with a paragraph a line can look like this, too."""
    with path.open("rb") as file:
        lines = file.read(HEAD_BYTES).decode("utf-8-sig", "ignore").strip().splitlines()
    if len(lines) < LEAST_LINES or not all(line.strip() for line in lines):
        return False
    return 2 * sum(len(line) < SHORT_CHARS and line.rstrip().endswith(SENTENCE_ENDS) for line in lines) > len(
        lines
    )


def runs_on(path: Path) -> bool:
    """Whether the file holds several lines of text and no blank line between any two, so that nothing cuts it."""
    lines, blank = 0, False
    with path.open("rb") as file:
        while part := file.readline(LONGEST_READ):
            if not part.decode("utf-8-sig", "ignore").strip():
                blank = True
            elif lines and blank:
                return False
            else:
                lines, blank = lines + 1, False
    return lines > 1


def _block_sizes(text: str) -> list[int]:
    """Characters of each block, its line ends aside."""
    sizes: list[int] = []
    inside = False
    for line in text.splitlines():
        if not line.strip():
            inside = False
        elif inside:
            sizes[-1] += len(line)
        else:
            sizes.append(len(line))
            inside = True
    return sizes
