"""Bold and italic quotes."""

import re

from data_prep.mediawiki.gaps import GAP

_QUOTES = re.compile(r"'{2,}")


def strip_quotes(text: str) -> str:
    """A line, list item or cell without its marks of bold and italics; apostrophes stay."""
    if "''" in text:
        text = _strip_runs(text)
    return text.replace(GAP, "") if GAP in text else text


def _strip_runs(text: str) -> str:
    if "''''" not in text:
        without_bold = text.replace("'''", "")
        # By far the most lines: only where bold and italic marks are both odd, one can be an apostrophe.
        if "''" not in without_bold or text.count("'''") % 2 == 0:
            return without_bold.replace("''", "")
    runs = [match.span() for match in _QUOTES.finditer(text)]
    lengths = [end - start for start, end in runs]
    bold = sum(length >= 3 for length in lengths)
    italic = sum(length == 2 or length >= 5 for length in lengths)
    apostrophe = -1
    if bold % 2 and italic % 2:
        # As MediaWiki does: one of the bold marks is an apostrophe before an italic mark (l'''amour'').
        candidates = [start for start, end in runs if end - start == 3]
        apostrophe = min(candidates, key=lambda start: _apostrophe_rank(text, start), default=-1)

    def keep(match: re.Match[str]) -> str:
        length = len(match[0])
        if length == 4 or match.start() == apostrophe:
            return "'"
        return "'" * (length - 5)

    return _QUOTES.sub(keep, text)


def _apostrophe_rank(text: str, start: int) -> int:
    """After a word of one letter rather than after a longer one, rather than after a space."""
    if start == 0 or text[start - 1] == " ":
        return 2
    return 0 if start == 1 or text[start - 2] == " " else 1
