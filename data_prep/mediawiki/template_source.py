"""The source of a template, as far as it is shown where the template is used."""

import re

from data_prep.mediawiki.links import replace_external_links, replace_internal_links
from data_prep.mediawiki.namespaces import LinkPrefixes
from data_prep.mediawiki.quotes import strip_quotes
from data_prep.mediawiki.tags import BREAK, restore_literals, strip_tags
from data_prep.mediawiki.tidy import unescape
from pipeline.config.clean import MarkupConfig
from pipeline.text.letters import MARKS

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ONLYINCLUDE = re.compile(r"<onlyinclude>(.*?)(?:</onlyinclude>|\Z)", re.DOTALL | re.IGNORECASE)
_NOINCLUDE = re.compile(r"<noinclude\b[^<>]*(?<!/)>.*?(?:</noinclude\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_DROPPED = re.compile(
    r"</?(?:includeonly|noinclude|onlyinclude)\b[^<>]*>|<nowiki\s*/>|<nowiki>.*?</nowiki>"
    r"|\{\{\{\|\s*(?:safe)?subst:\s*\}\}\}|\b(?:safe)?subst:",
    re.DOTALL | re.IGNORECASE,
)
_ELEMENT = re.compile(r"<(/?)([a-z][a-z0-9]*)\b([^<>]*)>", re.IGNORECASE)
_HIDDEN = re.compile(
    r"""class\s*=\s*["'][^"']*(?:noprint|metadata|reference|hatnote|dablink|rellink|sieheauch|[actm]?mbox|navbox|infobox
    |noexcerpt|inline-template|template-fact|sortkey|error|geo-nondefault|thumb|navigation)
    |style\s*=\s*["'][^"']*(?:display\s*:\s*none|visibility\s*:\s*hidden|float\s*:|position\s*:\s*absolute)
    |role\s*=\s*["']?(?:note|navigation)|aria-hidden\s*=\s*["']?true""",
    re.IGNORECASE | re.VERBOSE,
)
_NOTE = re.compile(r"\s*(?:<[^<>]*>\s*)*(?:\[|\(|:|&\#91;|&\#x5b;)", re.IGNORECASE)
"""How a superscript begins that is no power: ``[citation needed]``, ``(en)``, ``:30``."""
_OTHER_WIKI = re.compile(r"\[\[\s*:[^\[\]|:]*:[^\[\]|]*(?:\|(?:[^\[\]]|\[[^\[\]]*\])*)?\]\]")
_NO_WORDS = re.compile(r"[\[(（]\s*[\])）]")
_BLOCK = re.compile(r"^[ \t]*(?:[*#:;=|!]|\{\|)|<table\b", re.IGNORECASE | re.MULTILINE)
_BEHAVIOUR = re.compile(rf"__[\w{MARKS}]+__")
_SPACES = re.compile(r"[ \t\u00a0]+")
_PROSE = MarkupConfig()


def transcluded(source: str) -> str:
    """What of a template's page its users include."""
    source = _COMMENT.sub("", source)
    if parts := _ONLYINCLUDE.findall(source):
        source = "".join(parts)
    return _DROPPED.sub("", _NOINCLUDE.sub("", source)).strip()


def visible_text(source: str, prefixes: LinkPrefixes) -> str | None:
    """What a reader sees of wikitext whose templates are characters of the private use area.

    Blank lines part it from the sentence around it where it is a block, such as a quotation. None where it is a
    table, a list or a heading.
    """
    if _BLOCK.search(source):
        return None
    text, literals = strip_tags(_drop_hidden(source), _PROSE)
    text = _NO_WORDS.sub("", unescape(_OTHER_WIKI.sub("", restore_literals(text, literals))))
    text = replace_external_links(replace_internal_links(text, prefixes))
    text = strip_quotes(_BEHAVIOUR.sub("", text)).replace(BREAK, "\n\n")
    paragraphs = [" ".join(_SPACES.sub(" ", paragraph).split("\n")) for paragraph in re.split(r"\n\n+", text)]
    return "\n\n".join(paragraphs)


def _drop_hidden(source: str) -> str:
    """Leave out the elements that are not shown in the sentence, and notes written as superscripts."""
    out: list[str] = []
    position = 0
    name, depth = "", 0  # of the hidden element that is open
    for tag in _ELEMENT.finditer(source):
        this, closes, empty = tag[2].lower(), bool(tag[1]), tag[3].endswith("/")
        if depth:
            if this == name and not empty:
                depth += -1 if closes else 1
            if not depth:
                position = tag.end()
        elif not closes and not empty and this not in ("br", "hr", "img"):
            is_note = this == "sup" and _NOTE.match(source, tag.end())
            if is_note or _HIDDEN.search(tag[3]):
                out.append(source[position : tag.start()])
                name, depth = this, 1
    if not depth:
        out.append(source[position:])
    return "".join(out)
