"""Long numbers in a text, and what the words before them say that they are."""

import re
from typing import Literal

from pipeline.text.letters import UNSPACED_LETTERS, UNSPACED_MARKS, character_set

_UNATTACHED = rf"[{UNSPACED_LETTERS}{UNSPACED_MARKS}\p{{Hangul}}\U00010000-\U0003ffff]"
"""Scripts without spaces, and Korean, whose particles follow a word without one."""
_WORD_LETTERS = character_set(rf"[[\p{{L}}\p{{M}}]--{_UNATTACHED}]")
WORD_CHARACTERS = "_" + character_set(rf"[[\p{{L}}\p{{M}}\p{{Nd}}]--{_UNATTACHED}]")
"""Inside of a set: digits, and letters of scripts with spaces. Next to Han, Kana or Thai a number or an address is
whole."""

# The first digit is looked at before what stands in front of it: `re` skips fast to the characters that a pattern
# begins with.
_LONG_NUMBER = re.compile("[0-9](?<![0-9][0-9])(?:[ \u00a0./()\u2011-]{0,3}[0-9]){6,}+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PHONE = _set(
    "tel telephone telefon telefono telefoon teléfono tél téléphone phone phones cellphone fax telefax mobile mobil "
    "móvil celular mob cell call dial hotline handy whatsapp sms ph тел телефон моб"
)
_PHONE_UNSPACED = ("电话", "電話", "手机", "手機", "携帯", "전화", "휴대폰", "号码", "番号")
_OTHER = _set(
    "isbn issn doi oclc pmid pmc lccn ean upc gtin sku asin jstor arxiv cas viaf id p pp page pages vol patent serial "
    "part order invoice case ref reference tracking account acct konto catalog catalogue model version barcode date "
    "dates born score scores code"
)
_NUMBERED = _set("no nr №")  # `number` alone may be any, a phone's too
_FILLERS = _NUMBERED | _set("number num is at on to us me now n")
_WORDS = re.compile(f"[{_WORD_LETTERS}]+|№")
_CHARACTERS_BEFORE = 40


def long_numbers(text: str) -> list[tuple[int, int]]:
    """Where chains of seven digits and more begin and end, with single separators or few between them."""
    return [match.span() for match in _LONG_NUMBER.finditer(text)]


def called(text: str, start: int) -> Literal["phone", "other", None]:
    """What the words right before a number call it: `Tel. no. …` a phone number, `ISBN …` or `no. …` something else."""
    before = text[max(0, start - _CHARACTERS_BEFORE) : start].rstrip(" \u00a0.:：#(+-\u2013°")
    before = before.removesuffix("-10").removesuffix("-13").lower()  # ISBN-13
    if not before:
        return None
    if "/" in before.rsplit(None, 1)[-1]:  # an address or a DOI: 10.1016/j.cell.2008…
        return None
    if before.endswith(_PHONE_UNSPACED):
        return "phone"
    words = _WORDS.findall(before)
    if not words or not before.endswith(words[-1]):
        return None
    is_numbered = words[-1] in _NUMBERED
    while len(words) > 1 and words[-1] in _FILLERS:
        words.pop()
    if words[-1] in _PHONE:
        return "phone"
    return "other" if is_numbered or words[-1] in _OTHER else None
