"""What a dump says about its wiki: language, and the local names of its namespaces."""

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import unescape

_log = logging.getLogger("data_prep.mediawiki")

CANONICAL_NAMESPACES = {
    -2: "Media",
    -1: "Special",
    0: "",
    1: "Talk",
    2: "User",
    3: "User talk",
    4: "Project",
    5: "Project talk",
    6: "File",
    7: "File talk",
    8: "MediaWiki",
    9: "MediaWiki talk",
    10: "Template",
    11: "Template talk",
    12: "Help",
    13: "Help talk",
    14: "Category",
    15: "Category talk",
}

WIKIMEDIA = re.compile(r"//[\w.-]*\bwik(?:ipedia|tionary|ibooks|iquote|isource|inews|iversity|ivoyage)\.org/")
"""In the URL of a wiki of the Wikimedia Foundation."""
WIKIMEDIA_LICENSE = "CC-BY-SA-4.0"
"""Of the text of such wikis; Wikinews alone asks for less."""
_WIKI_PROJECTS = r"(?:wiki|wiktionary|wikibooks|wikinews|wikiquote|wikisource|wikiversity|wikivoyage)"
_FIELDS = re.compile(r"<(sitename|dbname|base|case)>([^<]*)</")
KNOWN_SCHEMAS = ("0.9", "0.10", "0.11")
_SCHEMA = re.compile(r'<mediawiki\b[^>]*?(?:\sversion="([^"]+)"|/export-([0-9.]+[0-9])/)')
_NAMESPACE = re.compile(r'<namespace key="(-?\d{1,9})"[^<>]*?(?:/>|>([^<]*)</namespace>)')


@dataclass(frozen=True)
class Site:
    """The ``<siteinfo>`` of a dump. Where it is missing: English, with the canonical namespaces."""

    name: str = ""
    dbname: str = ""
    base: str = ""
    """URL of the main page."""
    case: str = "first-letter"
    """Whether the first letter of a title is always a capital (``first-letter``, else ``case-sensitive``)."""
    language: str = "en"
    namespaces: dict[int, str] = field(default_factory=lambda: dict(CANONICAL_NAMESPACES))
    """Id to local name; a name that is not localized is the canonical English one."""
    schema: str = ""
    """Version of the export format, such as 0.11; empty where the dump does not say."""

    @property
    def key(self) -> str:
        """What tells wikis apart."""
        return f"{self.dbname} {self.base} {self.name}"

    def namespace_of(self, title: str) -> int:
        """The namespace that a title's prefix names: for old dumps, whose pages don't say it."""
        prefix, colon, _ = title.partition(":")
        name = prefix.replace("_", " ").strip().casefold()
        for names in (self.namespaces, CANONICAL_NAMESPACES):
            for number, known in names.items():
                if colon and known.casefold() == name:
                    return number
        return 0


def parse_siteinfo(xml: str) -> Site:
    """Read what stands before a dump's first page."""
    fields = {key: unescape(value, {"&quot;": '"'}).strip() for key, value in _FIELDS.findall(xml)}
    local = {int(key): unescape(name, {"&quot;": '"'}).strip() for key, name in _NAMESPACE.findall(xml)}
    dbname, base = fields.get("dbname", ""), fields.get("base", "")
    schema = next((found[1] or found[2] for found in [_SCHEMA.search(xml)] if found), "")
    return Site(
        name=fields.get("sitename", ""),
        dbname=dbname,
        base=base,
        case=fields.get("case", "first-letter"),
        language=_language(dbname, base, xml),
        namespaces=CANONICAL_NAMESPACES | local,
        schema=schema,
    )


def warn_of_schema(site: Site, path: Path) -> None:
    """Log a warning where a dump's schema is none of those that are known."""
    if site.schema and site.schema not in KNOWN_SCHEMAS:
        _log.warning(
            "%s is in version %s of the export format, which is not known (known: %s). It is read as %s: check "
            "that titles, texts and redirects of some pages are right.",
            path,
            site.schema,
            ", ".join(KNOWN_SCHEMAS),
            KNOWN_SCHEMAS[-1],
        )


def _language(dbname: str, base: str, xml: str) -> str:
    """The database name tells it (``zh_yuewiki``); else the host; ``xml:lang`` of the root comes last."""
    for pattern, source in (
        (rf"([a-z]{{2,3}}(?:_[a-z_]+)?|simple){_WIKI_PROJECTS}$", dbname),
        (r"https?://([a-z]{2,3}(?:-[a-z-]+)?|simple)\.wik", base),
        (r'xml:lang="([A-Za-z-]+)"', xml),
    ):
        if found := re.match(pattern, source) or (source is xml and re.search(pattern, source)):
            code = found[1].replace("_", "-")
            return "en" if code == "simple" else code
    return "en"
