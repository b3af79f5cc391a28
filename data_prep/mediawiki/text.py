"""Wikitext to the text that a reader of the article sees.

Linear in its input whatever the input: every pass is one scan with a regular expression that can't look past
the next delimiter, and pairs of delimiters are matched with an explicit stack. Where markup is broken, the
text around it is kept and the markup dropped.
"""

import re

from data_prep.mediawiki import disambiguation
from data_prep.mediawiki.blocks import drop_tables, layout
from data_prep.mediawiki.dump import Page
from data_prep.mediawiki.links import replace_external_links, replace_internal_links, resolve_variants
from data_prep.mediawiki.namespaces import invisible_prefixes
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.tags import restore_literals, strip_tags
from data_prep.mediawiki.templates import expand_templates
from data_prep.mediawiki.tidy import strip_remains, tidy_spaces, unescape

_MAGIC_WORD = re.compile(r"__[^\W_]\w{0,60}__")
_SIGNATURE = re.compile(r"~{3,5}")


class WikitextCleaner:
    """Cleans the pages of one wiki."""

    def __init__(self, site: Site) -> None:
        self._invisible = invisible_prefixes(site)

    def clean(self, wikitext: str) -> str:
        """The article's text: paragraphs, headings and list items, with blank lines between blocks.

        Without templates (save those that hold words of a sentence), tables, references, galleries, files,
        categories, comments, tags and magic words. Never contains ``{{ }} [[ ]] {| |} <ref &nbsp;``.
        """
        text, literals = strip_tags(wikitext)
        text = expand_templates(text)
        text = resolve_variants(text)
        text = drop_tables(text)
        text = replace_internal_links(text, self._invisible)
        text = replace_external_links(text)
        text = text.replace("&nbsp;", " ")
        if "__" in text:
            text = _MAGIC_WORD.sub(_drop_upper_case, text)
        if "~~~" in text:
            text = _SIGNATURE.sub("", text)
        text = tidy_spaces(unescape(layout(text)))
        return strip_remains(restore_literals(text, literals)).strip()

    def is_disambiguation(self, page: Page) -> bool:
        """Whether the page only lists the meanings of its title."""
        return disambiguation.is_disambiguation(page)


def _drop_upper_case(match: re.Match[str]) -> str:
    """Magic words are in capitals, where the script has them: ``__init__`` is none."""
    return match[0] if match[0] != match[0].upper() else ""
