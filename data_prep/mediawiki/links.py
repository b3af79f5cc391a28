"""Internal links, external links and Chinese variant markup."""

import re

from data_prep.mediawiki.captions import caption
from data_prep.mediawiki.gaps import GAP, close_gap
from data_prep.mediawiki.namespaces import OTHER_WIKIS, LinkPrefixes
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.tidy import unescape

# A whole link where it holds no other, else its opening: target, label with its pipe, closing brackets.
_LINK = re.compile(r"\[\[([^\[\]|\n]*)(\|[^\[\]]*)?(\]\])?|\]\]")
_TARGET = re.compile(r"\[\[([^\[\]|\n]+)")
_EXTERNAL = re.compile(
    r"\[(?:(?:https?|ftps?|ircs?|gopher|telnet|nntp|worldwind|svn|git|mms)://|//(?=\w)|mailto:)"
    r"[^\s\[\]<>]*[ \t]*([^\[\]\n]*)\]?",
    re.IGNORECASE,
)
# Only ASCII, so that a URL ends where Chinese or Japanese text goes on, and not on a sentence's punctuation.
_BARE_URL = re.compile(r"(?:https?|ftp)://(?:[!#-;=?-Z_a-z~\\%]*[#-&*+/-9=@-Z_a-z~\\%-])?", re.IGNORECASE)

_VARIANTS = re.compile(r"-\{([^{}]*)\}-")
_VARIANT_RULE = re.compile(r"\s*+(zh(?:-[a-z]+)*+|[a-z]{2,3}-[a-z]++)\s*+:(.*)", re.DOTALL)
_VARIANT_FLAGS = re.compile(r"[A-Za-z;\s-]*")
_PREFERRED_VARIANTS = {
    "as_is": ("zh-hans", "zh-cn", "zh"),
    "simplified": ("zh-hans", "zh-cn", "zh-sg", "zh-my", "zh"),
    "traditional": ("zh-hant", "zh-tw", "zh-hk", "zh-mo", "zh"),
}
_MAX_VARIANT_NESTING = 3


def replace_internal_links(text: str, prefixes: LinkPrefixes, captions: bool = False) -> str:
    """Leave the label of each link; of links that show elsewhere nothing, or the captions of files.

    Brackets are matched innermost first. A file's caption may hold links; where one opens and never closes,
    the rest of its line goes with it.
    """
    if "[[" not in text:
        return text
    out: list[str] = []
    opened: list[tuple[int, bool]] = []  # length of out where a link began, and whether nothing of it shows
    file: int | None = None  # the outermost of those opened that is a file whose caption is kept
    position = 0
    for match in _LINK.finditer(text):
        if position < match.start():
            out.append(text[position : match.start()])
        position = match.end()
        target, label, closing = match.groups()
        if target is None:
            if opened:
                begin, hidden = opened.pop()
                if hidden:
                    if begin == file:
                        out[begin:] = [caption("".join(out[begin:]))]
                        file = None
                    else:
                        del out[begin:]
                    # "[[File:a.jpg|[http://b c]]]": the first bracket is the external link's.
                    if text.startswith("]", position) and not text.startswith("]]", position):
                        position += 1
            continue
        prefix = link_prefix(target) if ":" in target else ""
        hidden = prefix in prefixes.invisible
        if not closing:
            if captions and file is None and prefix in prefixes.media:
                file = len(out)
            opened.append((len(out), hidden))
        elif hidden:
            if captions and file is None and label and prefix in prefixes.media:
                out.append(caption(label))
            else:
                position = close_gap(out, text, position)
            continue
        if label is None:
            out.append(target.lstrip(" :"))
        elif label == "|" and closing:
            out.append(_pipe_trick(target))
        else:
            out.append(label[1:])
    out.append(text[position:])
    _drop_unclosed(out, [begin for begin, hidden in opened if hidden])
    return "".join(out)


def link_prefix(target: str) -> str:
    """What stands before a link's first colon, as namespaces are compared."""
    return target.partition(":")[0].strip().replace("_", " ").lower()


def linked_titles(text: str, prefixes: LinkPrefixes, site: Site) -> list[str]:
    """The titles that links lead to in this wiki, in order of first appearance, without the section's name.

    Links to files, categories and other wikis are left out.
    """
    titles: dict[str, None] = {}
    for target in dict.fromkeys(_TARGET.findall(text)):
        title = " ".join(unescape(target.partition("#")[0]).replace("_", " ").split())
        if ":" in title:
            title = title.lstrip(": ")
            prefix = link_prefix(title)
            if prefix in prefixes.invisible or prefix in OTHER_WIKIS:
                continue
        if title:
            titles[title[0].upper() + title[1:] if site.case == "first-letter" else title] = None
    return list(titles)


def _pipe_trick(target: str) -> str:
    """The label that MediaWiki makes of ``[[Help:Name (kind)|]]`` and ``[[Town, Country|]]``: Name, Town."""
    name = target.lstrip(" :")
    name = name.partition(":")[2] or name
    for separator in (" (", "（", ", "):
        if separator in name:
            return name.partition(separator)[0]
    return name


def _drop_unclosed(out: list[str], begins: list[int]) -> None:
    """Empty the pieces of ``out`` from each of these on, as far as the next end of a line."""
    done = 0
    for begin in begins:
        if begin < done:
            continue
        for index in range(begin, len(out)):
            _, line_end, rest = out[index].partition("\n")
            out[index] = line_end + rest
            done = index + 1
            if line_end:
                break


def replace_external_links(text: str) -> str:
    """Leave the label of each link to a URL; of a bare URL, nothing."""
    if "//" not in text and "[mailto:" not in text:
        return text
    text = _EXTERNAL.sub(_label, text)
    return _BARE_URL.sub(_nothing, text) if "://" in text else text


def _label(link: re.Match[str]) -> str:
    return link[1] or _nothing(link)


def _nothing(link: re.Match[str]) -> str:
    return GAP if link.string.startswith("'", link.end()) else ""


def resolve_variants(text: str, chinese: str) -> str:
    """Chinese ``-{zh-hans:…;zh-hant:…}-``: the wording that ``chinese`` prefers, or the first.

    ``-{plain}-`` becomes its content.
    """
    for _ in range(_MAX_VARIANT_NESTING):
        if "-{" not in text:
            break
        text = _VARIANTS.sub(lambda match: _variant(match[1], _PREFERRED_VARIANTS[chinese]), text)
    return text


def _variant(markup: str, preferred: tuple[str, ...]) -> str:
    flags, pipe, content = markup.partition("|")
    if not pipe or not _VARIANT_FLAGS.fullmatch(flags):
        content = markup
    elif {flag.strip() for flag in flags.split(";")} & {"H", "T", "D", "-"}:
        return ""  # rules for the rest of the page, or for its title
    rules = {}
    for part in content.split(";"):
        if rule := _VARIANT_RULE.match(part):
            rules.setdefault(rule[1], rule[2].strip())
    if not rules:
        return content
    return next((rules[code] for code in preferred if code in rules), next(iter(rules.values())))
