"""Phone numbers in running text: international ones, and national ones in the groups that people write them in.

Where the form alone does not decide, the words before do: `Tel.` makes a phone number of digits that could be anything,
and `ISBN` of none.
"""

import re
from collections.abc import Iterator

from data_prep.personal_data.number_context import WORD_CHARACTERS, called

_JOINT = "[ \u00a0.\u2011-]"
_SLASH = "[ \u00a0]?/[ \u00a0]?"

_COUNTRY = (  # calling codes of ITU-T E.164
    "(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[1-368]|2[2-6][0-9]|29[017-9]|35[0-9]|37[0-9]"
    "|38[0-35-79]|42[013]|50[0-9]|59[0-9]|67[02-9]|68[0-9]|69[0-2]|80[08]|85[0-6]|870|88[0-368]|96[0-9]|97[0-9]"
    "|99[2-68])"
)
_NATIONAL = "(?:[ \u00a0]?\\(0\\))?(?:[ \u00a0]?[(/.\u2011-]?[)]?[ \u00a0]?[0-9]){6,13}+"
_AREA, _EXCHANGE = "[2-9](?!11)[0-8][0-9]", "[2-9](?!11)[0-9]{2}"  # of the North American Numbering Plan
_TRUNK_GROUPS = (
    "2-3-3-2 2-3-4 2-4-4 2-7 2-8 3-2-2-2 3-3-2-2 3-3-3 3-3-4 3-4-4 3-6 3-7 3-8 4-2-2-2 4-2-4 4-3-2-2 4-3-3 "
    "4-3-4 4-5 4-6 4-7 4-8 5-2-2-2 5-3-3 5-5 5-6"
)
"""Digits per group of national numbers that begin with the trunk prefix 0, Europe's, Asia's and Australia's."""


def _with_trunk_prefix(groups: str) -> str:
    first, *others = (f"[0-9]{{{length}}}" for length in groups.split("-"))
    area = f"(?=0[1-9]){first}"
    number = f"(?:\\({area}\\)[ \u00a0]?|{area}(?:{_JOINT}|{_SLASH})){_JOINT.join(others)}"
    return f"{number}(?:-[0-9]{{1,4}})?(?!{_JOINT}[0-9])"


_FORMS = (
    f"(?:\\(\\+{_COUNTRY}\\)|\\+{_COUNTRY}){_NATIONAL}",
    f"00[ \u00a0]?{_COUNTRY}(?={_JOINT}){_NATIONAL}",
    f"(?:1{_JOINT})?\\({_AREA}\\){_JOINT}?{_EXCHANGE}{_JOINT}[0-9]{{4}}",
    f"(?:1{_JOINT})?{_AREA}[./-]{_EXCHANGE}[.-][0-9]{{4}}",
    f"1 {_AREA} {_EXCHANGE} [0-9]{{4}}",
    *map(_with_trunk_prefix, _TRUNK_GROUPS.split()),
    f"0[1-9](?P<joint>{_JOINT})[0-9]{{2}}(?:(?P=joint)[0-9]{{2}}){{3}}(?!{_JOINT}[0-9])",  # France
    "\\([1-9][0-9]\\) ?9?[0-9]{4}-[0-9]{4}",  # Brazil
    "8[ -]?\\(?[3-9][0-9]{2}\\)?[ -][0-9]{3}[ -][0-9]{2}[ -][0-9]{2}",  # Russia
    "1[3-9][0-9](?P<mobile>[ -])[0-9]{4}(?P=mobile)[0-9]{4}",  # China, mobile
)
_NOT_BEFORE = f"(?<![{WORD_CHARACTERS}.,:/=#@&$€£¥%*^+~\u2010-\u2015-])(?<![0-9][ \u00a0])"
_NOT_BEHIND = f"(?![{WORD_CHARACTERS}%]|[.,:/\u2010-\u2015-][0-9])"
_NUMBER = re.compile(f"{_NOT_BEFORE}(?:{'|'.join(_FORMS)}){_NOT_BEHIND}")
_ANY_NUMBER = re.compile(f"\\(?\\+?[0-9](?:[ \u00a0./()\u2011-]{{0,3}}[0-9]){{6,14}}+{_NOT_BEHIND}")

_DATES = re.compile(
    r"(?<![0-9])(?:[0-3]?[0-9]([./-])[01]?[0-9]\1(?:1[0-9]|20)[0-9]{2}"
    r"|(?:1[0-9]|20)[0-9]{2}([./-])[01]?[0-9]\2[0-3]?[0-9]"
    r"|(?:1[0-9]|20)[0-9]{2}-(?:1[0-9]|20)[0-9]{2})(?![0-9])"
)
"""Dates and spans of years."""


def find_phone_numbers(text: str, numbers: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where they begin and end. `numbers` are the places where to look, see `long_numbers`."""
    for first, end in numbers:
        while text[first - 1 : first] in ("(", "+"):
            first -= 1
        name = called(text, first)
        if name == "other":
            continue
        form = _ANY_NUMBER if name == "phone" else _NUMBER
        for match in form.finditer(text, first, end + 2):  # what stands behind a number decides, too
            if not _DATES.search(match[0]):
                yield match.span()
