"""Text files that are not UTF-8."""

import codecs
import shlex
from pathlib import Path

from charset_normalizer import from_bytes

from pipeline.errors import UserError
from pipeline.formats.compressed import is_compressed, is_gzip, open_content

LOOKED_AT = 1 << 16
"""Bytes at a file's start."""
MOST_DAMAGED = 0.02
"""Share of characters that cannot be read, above which a file is in another encoding and not merely damaged."""
OTHERS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def refuse_other_encodings(path: Path) -> None:
    """Raises: UserError: where the file's start is clearly not UTF-8, with the encoding that it seems to have."""
    with open_content(path) as file:
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
        f"{_conversion(path, name)}"
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


def _conversion(path: Path, encoding: str) -> str:
    """The command line that writes the file as UTF-8 beside itself."""
    source, target = (shlex.quote(str(each)) for each in (path, path.with_name(f"utf8-{path.name}")))
    if is_compressed(path):
        tool = "gzip" if is_gzip(path) else "zstd"
        return f"{tool} -dc {source} | iconv -f {encoding} -t UTF-8 | {tool} > {target}"
    return f"iconv -f {encoding} -t UTF-8 {source} > {target}"
