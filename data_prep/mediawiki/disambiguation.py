"""Which pages only list the meanings of their title."""

import re
from collections.abc import Collection

from data_prep.mediawiki.dump import Page

_TEMPLATE = re.compile(r"\{\{([^{}|<\n]{1,60})")
# Of the extension Disambiguator; wikis that know it understand the English word too.
_MAGIC_WORD = re.compile(
    "__(?:disambig|توضيح|dəqiqləşdirmə|rozcestník|begriffsklärung|disambiguaci[oó]n|täpsustus|ابهام‌زدایی|homonymie"
    "|hom[oó]nimos|(?:דף_)?פירושונים|बहुवि|曖昧さ回避|동음이의|појаснување|വിവക്ഷ|निःसंदिग्ध|peker|fleirtyding|дисамбиг"
    "|ضد_ابہام|định_?hướng|消歧义|消除歧义)__",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"[(（](?:disambiguation|begriffsklärung|homonymie|desambiguación|disambigua|desambiguação|"
    r"doorverwijspagina|ujednoznacznienie|значения|значення|曖昧さ回避|消歧义|消歧義|olika betydelser|"
    r"định hướng|동음이의|توضيح|ابهام‌زدایی|anlam ayrımı|rozcestník|disambiguasi|desambiguació|argipena|"
    r"apartigilo|täsmennyssivu|egyértelműsítő lap|dezambiguizare)[)）]$",
    re.IGNORECASE,
)
_NAMES = frozenset(
    name.strip()
    for name in """
    pagklaro|giklaro|pansayod|багатозначність|многозначность|robotskapad förgrening|homonymes
    disambig|disamb|dab|disambiguation|disambiguation page|disambig page|disambiguation-cleanup|hndis
    hndis-cleanup|geodis|mathdab|roaddis|schooldis|hospitaldis|numberdis|callsigndis|tndis
    dab page|mil-unit-dis|letter-number combination disambiguation|letter-numbercombdisambig|wp disambig
    pekerside|disambigg|begriffsklärung|homonymie|paronymie|patronyme|toponymie|desambiguación|desambig|disambigua|desambiguação
    doorverwijspagina|ujednoznacznienie|strona ujednoznaczniająca|неоднозначность|неоднозначність
    вишезначна одредница|пояснение|aimai|曖昧さ回避|人名の曖昧さ回避|地名の曖昧さ回避
    消歧义|消歧義|消歧义页|消歧義頁|förgrening|grensida|pejling
    trang định hướng|định hướng|동음이의|동음이의어 문서|توضيح|ابهام‌زدایی|anlam ayrımı|anlamayrımı
    rozcestník|rozlišovací stránka|disambiguasi|desambiguació|argipen|apartigilo|täsmennyssivu|egyért
    egyértelműsítő lap|dezambiguizare|razločitev|nuorodinis|täpsustuslehekülg|פירושונים
    """.replace("\n", "|").split("|")
    if name.strip()
)


_LOCAL_NAMES = {
    "nl": {"dp", "dpintro"},
    "sv": {"gren"},
    "ca": {"desambigua"},
    "fa": {"ابهام زدایی"},
    "hy": {"բի"},
}
"""Names so short that elsewhere they may be another template's, by language."""
_ENDINGS = (" disambiguation", "の曖昧さ回避", "消歧义", "消歧義")
"""Of special cases: people, places, schools."""


def marks_disambiguation(wikitext: str) -> bool:
    """Whether a page's text, or a template's, makes a page one by a magic word."""
    return _MAGIC_WORD.search(wikitext) is not None


def is_disambiguation(page: Page, language: str = "", learned: Collection[str] = ()) -> bool:
    """By its title, by a magic word, or by a template: one that was learned, or that the large wikis use."""
    if _TITLE.search(page.title) or marks_disambiguation(page.text):
        return True
    local = _LOCAL_NAMES.get(language, ())
    for template in set(_TEMPLATE.findall(page.text)):  # most pages have the same ones again and again
        name = template.replace("_", " ").strip().lower()
        if name in learned or name in _NAMES or name in local or name.endswith(_ENDINGS):
            return True
    return False
