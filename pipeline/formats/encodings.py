"""Text files that are not UTF-8."""

import codecs
import shlex
from pathlib import Path

from charset_normalizer import CharsetMatch, from_bytes

from pipeline.errors import UserError
from pipeline.formats.compressed import is_compressed, is_gzip, open_content

LOOKED_AT = 1 << 16
"""Bytes at a file's start."""
MOST_DAMAGED = 0.02
"""Share of characters that cannot be read, above which a file is in another encoding and not merely damaged."""
MOST_CUT = 3
"""Bytes that may be there of a character that the end cuts; the longest have four."""
OTHERS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def refuse_other_encodings(path: Path) -> None:
    """Raises: UserError: where the file's start is clearly not UTF-8, with the encoding that it seems to have."""
    with open_content(path) as file:
        start = file.read(LOOKED_AT)
    text = start.decode(errors="replace").rstrip("�")  # a character may be cut off at the end
    if text.count("�") <= MOST_DAMAGED * len(text) and not start.startswith(OTHERS):
        return
    guess = _guess(start)
    if guess is None:
        raise UserError(
            f"{path} is not UTF-8, and its encoding is not known: is it text? Convert it to UTF-8"
        )
    name = codecs.lookup(guess.encoding).name.replace("_", "-").upper()
    raise UserError(
        f"{path} is not UTF-8; it seems to be {name}. Convert it, and look at what comes of it; the old file stays as "
        f"{_old(path).name}, hidden, which a folder's reader leaves out: {_conversion(path, name)}"
    )


def not_utf8(error: UnicodeDecodeError, *paths: Path) -> UserError:
    """What to tell where reading one of the files failed: as `refuse_other_encodings` does where it is clearly in
    another encoding, else where the damage is."""
    try:
        for path in paths:
            if path.suffix != ".zip":  # which says nothing of the encoding of the texts inside
                refuse_other_encodings(path)
    except UserError as told:
        return told
    return UserError(f"{' or '.join(map(str, paths))} is not UTF-8 ({error}); correct or convert it")


def _guess(start: bytes) -> CharsetMatch | None:
    """The encoding that bytes seem to have, of which the last may be part of a character."""
    guesses = (from_bytes(start[: len(start) - cut]).best() for cut in range(MOST_CUT + 1))
    return next((guess for guess in guesses if guess is not None), None)


def _old(path: Path) -> Path:
    """Where the file is kept that has been converted: whatever the format, a hidden one is not read with its folder."""
    return path.with_name(f".{path.name}.old")


def _conversion(path: Path, encoding: str) -> str:
    """The command line that puts the file as UTF-8 in its own place, where the same settings find it."""
    source, old, new = (shlex.quote(str(each)) for each in (path, _old(path), f"{path}.utf8"))
    convert = f"iconv -f {encoding} -t UTF-8 {source} > {new}"
    if is_compressed(path):
        tool = "gzip" if is_gzip(path) else "zstd"
        convert = f"{tool} -dc {source} | iconv -f {encoding} -t UTF-8 | {tool} > {new}"
    return f"{convert} && mv {source} {old} && mv {new} {source}"
