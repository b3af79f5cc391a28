"""Lists typed with the commas and quotes of an input method for Chinese, which are read as part of a text."""

import re
from collections.abc import Iterable, Iterator

from pipeline.config.word_bounds import IN_CURLY_QUOTES, to_type
from pipeline.text.enumeration import enumerated

_LIST = re.compile(r"""[+~]{0,2}(?P<key>[A-Za-z_][\w.]*)=\[(?P<items>[^\[\]{}()'"\\]*)\]""")
"""Without ASCII's quotes, in which such signs are meant."""
_COMMA = re.compile(r"(?<=\S)\s*，\s*(?=\S)")


def unsplit_lists(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(key, what to tell) of lists of which full-width commas make one text, or whose texts have curly quotes."""
    for found in filter(None, map(_LIST.fullmatch, words)):
        read = [item.strip() for item in found["items"].split(",")]
        as_read = len(read) > 1 or IN_CURLY_QUOTES.fullmatch(read[0])
        parts = read if as_read else _COMMA.split(read[0])
        meant = [quoted[1] if (quoted := IN_CURLY_QUOTES.fullmatch(part)) else part for part in parts]
        if meant != read:
            typed = to_type(f"{found['key']}=[{','.join(meant)}]")
            signs = _signs(commas=len(parts) - len(read), quoted=meant != parts)
            yield (
                found["key"],
                f"{found[0]}: {signs} read as part of a text; if that is not meant, type {typed}",
            )


def _signs(commas: int, quoted: bool) -> str:
    """What is read as part of a text, with its verb."""
    if commas == 1 and not quoted:
        return "a full-width comma is"
    signs = ["a full-width comma" if commas == 1 else "full-width commas"] if commas else []
    return f"{enumerated([*signs, 'curly quotes'] if quoted else signs)} are"
