"""Text files that are not UTF-8."""

import codecs
import re
from pathlib import Path

from charset_normalizer import from_bytes

from pipeline.errors import UserError
from pipeline.formats.compressed import DAMAGE, cut_or_damaged, open_content
from pipeline.formats.converting import how_to_convert, how_to_convert_all, uncompressed_by

UTF8 = "UTF-8"
LOOKED_AT = 1 << 16
"""Bytes at a file's start."""
MOST_DAMAGED = 0.02
"""Share of characters that cannot be read, above which a file is in another encoding and not merely damaged."""
MOST_CUT = 3
"""Bytes that may be there of a character that the end cuts; the longest have four."""
_WIDE = {  # a longer mark comes before one that begins it
    "UTF-32": re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"),
    "UTF-32LE": re.compile(rb"[\t\n\r -~]\0\0\0"),
    "UTF-32BE": re.compile(rb"\0\0\0[\t\n\r -~]"),
    "UTF-16": re.compile(rb"\xff\xfe|\xfe\xff"),
    "UTF-16LE": re.compile(rb"[\t\n\r -~]\0"),
    "UTF-16BE": re.compile(rb"\0[\t\n\r -~]"),
}
"""How a text in one of these begins: with a mark, or with an ASCII letter, which has zeros beside it."""
_ICONV = {
    "utf_16_le": "UTF-16LE",
    "utf_16_be": "UTF-16BE",
    "utf_32_le": "UTF-32LE",
    "utf_32_be": "UTF-32BE",
    "mac_roman": "MACINTOSH",
}
"""What `iconv` calls encodings that it knows by other names than Python."""
UNKNOWN_TO_ICONV = [
    *("cp1006", "cp720", "hz", "kz1048", "ptcp154"),
    *("iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext"),
    *("iso2022_kr", "euc_jis_2004", "shift_jis_2004", "shift_jisx0213"),
    *("mac_greek", "mac_iceland", "mac_latin2", "mac_turkish"),
]
"""They are not guessed: no command would convert from them."""


def refuse_other_encodings(*paths: Path) -> None:
    """Raises: UserError: where the start of files is clearly not UTF-8, with the encoding that they seem to have; where
    one cannot be uncompressed."""
    unknown: list[Path] = []
    alike: dict[tuple[str, str | None], list[Path]] = {}  # those that one command converts
    for path in paths:
        try:
            with open_content(path) as file:
                encoding = encoding_of(file.read(LOOKED_AT))
        except DAMAGE as error:
            raise cut_or_damaged(path, error) from None
        if encoding is None:
            unknown.append(path)
        elif encoding != UTF8:
            alike.setdefault((encoding, uncompressed_by(path)), []).append(path)
    told = [
        f"{path} is not UTF-8, and its encoding is not known: is it text? Convert it to UTF-8"
        for path in unknown
    ]
    for (encoding, _), files in alike.items():
        told.append(
            f"{files[0]} {how_to_convert(files[0], encoding)}"
            if len(files) == 1
            else how_to_convert_all(files, encoding)
        )
    if told:
        raise UserError("\n".join(told))


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


def encoding_of(start: bytes) -> str | None:
    """The encoding that a text seems to have by its first bytes, by a name that `iconv` and Python know: UTF-8 also
    where it is damaged, None where nothing fits.

    Args:
        start: what is uncompressed; its last character may be cut.
    """
    if wide := wide_encoding(start):
        return wide
    text = start.decode(errors="replace").rstrip("�")
    if text.count("�") <= MOST_DAMAGED * len(text):
        return UTF8
    guesses = (
        from_bytes(start[: len(start) - cut], cp_exclusion=UNKNOWN_TO_ICONV).best()
        for cut in range(MOST_CUT + 1)
    )
    guess = next((guess.encoding for guess in guesses if guess is not None), None)
    return None if guess is None else iconv_name(guess)


def wide_encoding(start: bytes) -> str | None:
    """UTF-16 or UTF-32 where a text shows by its first letter or mark that it is in one of these."""
    return next((name for name, beginning in _WIDE.items() if beginning.match(start)), None)


def iconv_name(encoding: str) -> str:
    """What `iconv` calls an encoding of Python's."""
    return _ICONV.get(encoding) or codecs.lookup(encoding).name.replace("_", "-").upper()
