"""Wikitext to the text that a reader of the article sees.

Linear in its input whatever the input: every pass is one scan with a regular expression that can't look past
the next delimiter, and pairs of delimiters are matched with an explicit stack. Where markup is broken, the
text around it is kept and the markup dropped.
"""

import re
from typing import Literal

from data_prep.mediawiki import disambiguation
from data_prep.mediawiki.blocks import layout
from data_prep.mediawiki.dump import Page
from data_prep.mediawiki.gaps import mark_parentheses, restore
from data_prep.mediawiki.infoboxes import infoboxes
from data_prep.mediawiki.links import (
    linked_titles,
    replace_external_links,
    replace_internal_links,
    resolve_variants,
)
from data_prep.mediawiki.magic_words import page_word
from data_prep.mediawiki.namespaces import link_prefixes
from data_prep.mediawiki.prose_templates import constant, renderer
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.tables import replace_tables
from data_prep.mediawiki.tags import restore_literals, strip_tags
from data_prep.mediawiki.template_arguments import Render, Renderer
from data_prep.mediawiki.template_book import TemplateBook
from data_prep.mediawiki.templates import expand_templates
from data_prep.mediawiki.tidy import strip_remains, tidy_spaces, unescape
from pipeline.config.clean import MarkupConfig
from pipeline.formats.documents import Meta
from pipeline.text.letters import MARKS

Chinese = Literal["as_is", "simplified", "traditional"]
_PROSE = MarkupConfig()

# Persian and the Indic scripts have joiners inside words; Japanese has full-width underscores, too.
_MAGIC_WORD = re.compile(rf"(?:__|＿＿)[^\W_][\w{MARKS}\u200c\u200d]{{0,60}}?(?:__|＿＿)")
_SIGNATURE = re.compile(r"~{3,5}")


class WikitextCleaner:
    """Cleans the pages of one wiki; picklable.

    Args:
        markup: what is kept besides prose.
        chinese: which wording of Chinese variant markup (``-{zh-hans:…;zh-hant:…}-``) is taken.
        templates: what was learned of the wiki's own templates.
    """

    def __init__(
        self,
        site: Site,
        markup: MarkupConfig = _PROSE,
        chinese: Chinese = "as_is",
        templates: TemplateBook | None = None,
    ) -> None:
        self._markup = markup
        self._chinese = chinese
        self._site = site
        self._templates = templates or TemplateBook()
        self._prefixes = link_prefixes(site)

    def clean(self, wikitext: str, title: str = "") -> tuple[str, Meta]:
        """The article's text, and what else of it was asked for.

        The text is paragraphs, headings and list items, with blank lines between blocks; without templates
        (save those that hold words of a sentence), references, categories, comments, tags and magic words,
        and without the tables, formulas and captions that are not asked for. Never contains
        ``{{ }} [[ ]] {| |} <ref &nbsp;``.

        The rest is for the document's ``meta``: ``links`` (titles) and ``infobox`` (``{"name": template,
        "facts": {parameter: text}}`` each), where asked for and where there are any.

        Args:
            title: of the page, for magic words that print it.
        """
        text, literals = strip_tags(wikitext, self._markup)
        text = mark_parentheses(text)
        shows = self._renderer(title)
        meta: Meta = {}
        if self._markup.infobox:
            boxes = infoboxes(text, lambda value: self._plain(self._resolve(value), literals, _PROSE), shows)
            meta |= {"infobox": boxes} if boxes else {}
        text = self._resolve(expand_templates(text, renderer=shows))
        if self._markup.link_targets:
            titles = linked_titles(restore(text), self._prefixes, self._site)
            meta |= {"links": titles} if titles else {}
        return self._plain(text, literals, self._markup), meta

    def _renderer(self, title: str) -> Renderer:
        """What shows the words of templates on the page of this title."""

        def shows(name: str) -> Render | None:
            if (word := page_word(name, title, self._site)) is not None:
                return constant(word)
            return self._templates.render(name, shows) or renderer(name)

        return shows

    def _resolve(self, text: str) -> str:
        return resolve_variants(text, self._chinese)

    def _plain(self, text: str, literals: list[str], markup: MarkupConfig) -> str:
        """The text of wikitext without tags, templates and variants."""
        if markup.tables == "drop":
            text = replace_tables(text, as_text=False)
        text = replace_internal_links(text, self._prefixes, markup.captions)
        text = replace_external_links(text)
        if markup.tables == "text":
            text = replace_tables(text, as_text=True)  # once no pipe is a link's
        text = text.replace("&nbsp;", " ")
        if "__" in text or "＿＿" in text:
            text = _MAGIC_WORD.sub(_drop_upper_case, text)
        if "~~~" in text:
            text = _SIGNATURE.sub("", text)
        text = tidy_spaces(unescape(layout(text, markup.headings, markup.lists)))
        return strip_remains(restore(restore_literals(text, literals))).strip()

    def is_disambiguation(self, page: Page) -> bool:
        """Whether the page only lists the meanings of its title."""
        return disambiguation.is_disambiguation(page, self._site.language, self._templates.disambiguations)


def _drop_upper_case(match: re.Match[str]) -> str:
    """Magic words are in capitals, where the script has them: ``__init__`` is none."""
    return match[0] if match[0] != match[0].upper() else ""
