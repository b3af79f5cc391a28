"""Personal data in a text: found by its form, checked by what makes it valid, and replaced by a placeholder.

Addresses and numbers only: names, and addresses spelled for people (`name at example dot org`), are not found.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from data_prep.personal_data.number_context import WORD_CHARACTERS, called, long_numbers
from data_prep.personal_data.phone_numbers import find_phone_numbers
from pipeline.config.clean import PiiConfig

Places = list[tuple[int, int]]
Spans = Iterator[tuple[int, int]]


class PiiScrubber:
    """Replaces the kinds of personal data that a configuration names. Picklable, for the workers."""

    def __init__(self, config: PiiConfig):
        self._kinds = [kind for kind in FINDERS if kind in config.kinds]

    def scrub(self, text: str) -> tuple[str, Counter[str]]:
        """The text with placeholders (`<EMAIL>`, `<IBAN>`, `<CARD>`, `<IP>`, `<PHONE>`), and how many of each kind."""
        numbers = long_numbers(text)
        spans = [
            (start, priority, end, kind)
            for priority, kind in enumerate(self._kinds)
            for start, end in FINDERS[kind](text, numbers)
        ]
        found: Counter[str] = Counter()
        parts: list[str] = []
        behind = 0
        for start, _, end, kind in sorted(spans):
            if start >= behind:
                parts += [text[behind:start], f"<{kind.upper()}>"]
                behind = end
                found[kind] += 1
        return "".join([*parts, text[behind:]]) if parts else text, found


_LETTERS = "A-Za-z\u00c0-\u024f"
_DOMAIN = re.compile(f"@((?:[{_LETTERS}0-9-]{{1,63}}\\.){{1,8}})([A-Za-z]{{2,24}})(?![{WORD_CHARACTERS}@])")
_LOCAL_PART = re.compile(f"(?<![{_LETTERS}0-9_.%+'@-])[{_LETTERS}0-9_.%+'-]{{1,64}}$")
_FILE_ENDINGS = frozenset(
    "png jpg jpeg gif svg webp ico css js html htm json xml pdf txt zip tgz gz tar whl exe".split()  # noqa: SIM905
)
_NOBODYS = frozenset(("git", "svn", "hg"))
"""Local parts of the addresses that programs are fetched from."""


def find_emails(text: str, _numbers: Places) -> Spans:
    """Addresses as RFC 5321 has them, without quoted local parts. Each `@` costs a bounded look around it."""
    if "@" not in text:
        return
    for domain in _DOMAIN.finditer(text):
        at = domain.start()
        local = _LOCAL_PART.search(text[max(0, at - 65) : at])
        if local is None or domain[2].lower() in _FILE_ENDINGS or domain[1].startswith("-"):
            continue
        name = local[0].lstrip(".'-%+")
        if name and not name.endswith(".") and ".." not in name and name not in _NOBODYS:
            yield at - len(name), domain.end()


# From its first dot: `re` finds that fast.
_IPV4 = re.compile(rf"\.[0-9]{{1,3}}\.[0-9]{{1,3}}\.[0-9]{{1,3}}(?![{WORD_CHARACTERS}]|[.-][0-9])")
_OCTET = re.compile(rf"(?<![{WORD_CHARACTERS}.@-])(?<![{WORD_CHARACTERS}]/)[0-9]{{1,3}}$")
# The addresses that may be public (RFC 4291) begin with 2 or 3, and four digits.
_IPV6 = re.compile(
    rf"[23](?<![{WORD_CHARACTERS}:.@-].)[0-9A-Fa-f]{{3}}:[0-9A-Fa-f:]{{2,34}}+(?![{WORD_CHARACTERS}:]|\.[0-9])"
)
_EDGE_BEFORE, _EDGE_BEHIND = f"(?<![{WORD_CHARACTERS}])", f"(?![{WORD_CHARACTERS}])"
_IP_BEFORE = re.compile(
    f"{_EDGE_BEFORE}(?i:ip|ips|ipv[46]|addr(?:ess(?:es)?)?|servers?|hosts?|dns|ping|proxy|gateway|router|resolvers?)"
    f"{_EDGE_BEHIND}"
)
_NUMBERING_BEFORE = re.compile(
    f"(?:{_EDGE_BEFORE}(?i:v|ver|versions?|releases?|builds?|firmware|kernel|drivers?|update|patch|sec|sections?|"
    f"chapters?|clauses?|articles?|parts?|paragraphs?|rules?|figures?|fig|tables?|ec|oid){_EDGE_BEHIND}|§)"
    "[ .:#§-]{0,3}$"
)


def find_ip_addresses(text: str, _numbers: Places) -> Spans:
    """Public addresses. Version and section numbers look alike: those called so, and those of small numbers only that
    nothing before calls an address, are none."""
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - 30) : match.start()]
        octet = _OCTET.search(before)
        if octet is None or _NUMBERING_BEFORE.search(before, 0, octet.start()):
            continue
        address = octet[0] + match[0]
        octets = [int(part) for part in address.split(".")]
        looks_like_version = max(octets) < 32 or octets[1] == octets[2] == 0
        if _is_public(address) and not (looks_like_version and not _IP_BEFORE.search(before)):
            yield match.start() - len(octet[0]), match.end()
    for match in _IPV6.finditer(text):
        if _is_public(match[0]):
            yield match.span()


def _is_public(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return parsed.is_global and not parsed.is_multicast


_IBAN = re.compile(r"[A-Z]{2}(?<![0-9A-Za-z][A-Z]{2})[0-9]{2}(?:[ \u00a0]?[A-Z0-9]){11,30}")
_SHORTEST_IBAN = 15
_IN_WORD = re.compile(f"[{WORD_CHARACTERS}]")


def find_ibans(text: str, numbers: Places) -> Spans:
    """Account numbers of the form that their country has in the registry of ISO 13616, whose check digits are right."""
    matches = (_IBAN.search(text, max(0, first - 20), end + 24) for first, end in numbers)
    for match in filter(None, matches):
        from stdnum import iban  # takes a twelfth of a second, which only those who look for them should wait

        places = [place for place in range(*match.span()) if text[place].isalnum()]
        for length in range(len(places), _SHORTEST_IBAN - 1, -1):  # a word in capitals may follow
            end = places[length - 1] + 1
            code = "".join(text[place] for place in places[:length])
            if not _IN_WORD.match(text, end) and iban.is_valid(code, check_country=False):
                yield match.start(), end
                break


_CARD = re.compile(
    rf"[0-9](?<![{WORD_CHARACTERS}.,/=#$€£+-].)(?:[ \u00a0-]?[0-9]){{12,18}}+(?![{WORD_CHARACTERS}]|[ .,-]?[0-9])"
)
_CARD_GROUPS = re.compile(
    r"[0-9]+|[0-9]{4}([ \u00a0-])(?:[0-9]{4}\1){2}[0-9]{1,4}(?:\1[0-9]{3})?|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5}"
)
# Issuer's first digits, with the lengths of its numbers (ISO/IEC 7812).
_ISSUERS = re.compile(
    r"4(?:.{12}|.{15}|.{18})|5[1-5].{14}|2(?:22[1-9]|2[3-9].|[3-6]..|7[01].|720).{12}|3[47].{13}"
    r"|3(?:0[0-5]|[68].|9.).{11}|35(?:2[89]|[3-8].).{12,15}|6(?:011|4[4-9].|5..).{12,15}|62.{14,17}"
    r"|(?:50|5[6-8]|6[37]).{11,17}"
)


def find_cards(text: str, numbers: Places) -> Spans:
    """Payment card numbers: an issuer's first digits and length, the usual groups, and Luhn's check digit."""
    matches = (match for first, end in numbers for match in _CARD.finditer(text, first, end + 2))
    for match in matches:
        digits = "".join(filter(str.isdigit, match[0]))
        if (
            _CARD_GROUPS.fullmatch(match[0])
            and _ISSUERS.fullmatch(digits)
            and _passes_luhn(digits)
            and called(text, match.start()) != "other"
        ):
            yield match.span()


def _passes_luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


# In this order where several begin at one place: parts of long numbers look like others.
FINDERS: dict[str, Callable[[str, Places], Spans]] = {
    "email": find_emails,
    "iban": find_ibans,
    "card": find_cards,
    "ip": find_ip_addresses,
    "phone": find_phone_numbers,
}
