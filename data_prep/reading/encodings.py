"""Text files that are not UTF-8."""

import codecs
from pathlib import Path

from charset_normalizer import from_bytes

from pipeline.errors import UserError

LOOKED_AT = 1 << 16
"""Bytes at a file's start."""
MOST_DAMAGED = 0.02
"""Share of characters that cannot be read, above which a file is in another encoding and not merely damaged."""
OTHERS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def refuse_other_encodings(path: Path) -> None:
    """Raises: UserError: where the file's start is clearly not UTF-8, with the encoding that it seems to have."""
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
    text = start.decode(errors="replace").rstrip("�")  # a character may be cut off at the end
    if text.count("�") <= MOST_DAMAGED * len(text) and not start.startswith(OTHERS):
        return
    guess = from_bytes(start).best()
    if guess is None:
        raise UserError(
            f"{path} is not UTF-8, and its encoding is not known: is it text? Convert it to UTF-8"
        )
    name = codecs.lookup(guess.encoding).name.replace("_", "-").upper()
    raise UserError(
        f"{path} is not UTF-8; it seems to be {name}. Convert it, and look at what comes of it: "
        f"iconv -f {name} -t UTF-8 {path.name} > utf8-{path.name}"
    )
