"""WikiText's articles (Merity et al., 2016).

An article begins at a title line ` = Title = ` between blank lines; ` = = Section = = ` are headings inside.
"""

import re
from collections.abc import Iterable, Iterator

_TITLE = re.compile(r"\s?= [^=].* =\s*")


def is_title(line: str) -> bool:
    """Whether a line looks like an article's title."""
    return _TITLE.fullmatch(line) is not None


def articles(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (title, text) of each article; the texts, joined, are the input, character for character.

    An article begins with the blank line before its title. A line like a title without blank lines around
    it belongs to the text (an equation, a table's key).

    Args:
        lines: with their line ends.
    """
    title = ""
    body: list[str] = []
    candidate = ""  # the last line, where it looks like a title and follows a blank one
    for line in lines:
        blank = not line.strip()
        if candidate and blank:
            if len(body) > 2:
                yield title, "".join(body[:-2])
                del body[:-2]
            title = candidate.strip()[2:-2]
        after_blank = not body or not body[-1].strip()
        candidate = line if after_blank and is_title(line) else ""
        body.append(line)
    if body:
        yield title, "".join(body)
