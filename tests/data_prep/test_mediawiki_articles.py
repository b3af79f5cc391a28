"""Cleaning real articles: free of markup, complete, and in agreement with mwparserfromhell."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import mwparserfromhell
import pytest

from data_prep.mediawiki.dump import Page, iter_pages, read_site
from data_prep.mediawiki.prose_templates import renderer
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.template_arguments import Arguments
from data_prep.mediawiki.text import WikitextCleaner
from pipeline.config.clean import MarkupConfig

ENWIKI = "enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"
DUMPS = [
    ENWIKI,
    "enwiki-table-markup.xml.bz2",
    "enwiktionary-test-pages-articles.xml.bz2",
    *[f"{language}.mini.xml.bz2" for language in ("en", "de", "ja", "zh", "simple")],
]
PROSE = MarkupConfig()
EVERYTHING = MarkupConfig(tables="text", math="latex", captions=True, link_targets=True, infobox=True)
FORBIDDEN = ("{{", "}}", "[[", "]]", "<ref", "{|", "|}", "&nbsp;")
LEAKS = re.compile(
    r"''|\b(?:thumb|left|right|center|upright)\||\d+px\b|</?(?:br|div|span|small|sub|p|b|i)\b[^<>]*>"
    r"|__[A-Z]+__|\(\s*\)|-\{|\}-|\b(?:File|Image|Datei|Bild|Kategorie|ファイル|画像|分類|檔案):"
)

# Title: the lead's first words, and section headings in their order. As the articles stand in the dump.
ARTICLES = {
    "Anarchism": (
        "Anarchism is a political philosophy that advocates self-governed societies based on voluntary "
        "institutions. These are often described as stateless societies, although several authors have "
        "defined them more specifically as institutions based on non-hierarchical free associations.",
        ["Etymology and terminology", "History", "Origins", "First International and the Paris Commune"],
    ),
    "Aristotle": (
        "Aristotle (Ἀριστοτέλης, Aristotélēs; 384–322 BC) was a Greek philosopher and scientist born in the "
        "city of Stagira, Chalkidice, on the northern periphery of Classical Greece.",
        ["Life", "Thought", "Logic", "History", "Analytics and the Organon", "Aristotle's epistemology"],
    ),
    "Animal Farm": (
        "Animal Farm is an allegorical and dystopian novella by George Orwell, first published in England on "
        "17 August 1945.",
        ["Plot summary", "Characters", "Pigs", "Humans", "Horses and donkeys", "Other animals"],
    ),
    "Actrius": (
        "Actresses (Catalan: Actrius) is a 1997 Catalan language Spanish drama film produced and directed by "
        "Ventura Pons and based on the award-winning stage play E.R. by Josep Maria Benet i Jornet.",
        [
            "Synopsis",
            "Cast",
            "Recognition",
            "Screenings",
            "Reception",
            "Awards and nominations",
            "External links",
        ],
    ),
    "Algeria": (
        "Algeria (الجزائر al-Jazā'ir; ⵍⵣⵣⴰⵢⴻⵔ Dzayer), officially People's Democratic Republic of Algeria, "
        "is a sovereign state in North Africa on the Mediterranean coast.",
        ["Etymology", "History", "Ancient history", "Middle Ages", "Arabization", "Ottoman Algeria"],
    ),
}


@pytest.fixture(scope="module")
def enwiki(shared_data) -> list[tuple[Page, str]]:
    """The pages of the enwiki part that are no redirects, and their text."""
    return list(articles(shared_data("wikidump") / ENWIKI))


def articles(path: Path, markup: MarkupConfig = PROSE) -> Iterator[tuple[Page, str]]:
    cleaner = WikitextCleaner(read_site(path), markup)
    for page in iter_pages(path):
        if page.redirect is None and page.namespace == 0:
            yield page, cleaner.clean(page.text)[0]


@pytest.mark.parametrize("name", DUMPS)
def test_no_markup_is_left_in_any_article(shared_data, name):
    count = 0
    for page, text in articles(shared_data("wikidump") / name):
        count += 1
        assert not [mark for mark in FORBIDDEN if mark in text], page.title
        # "[[:Category:…]]" is text, and the wiktionaries have lines of these.
        leaked = [text[max(leak.start() - 40, 0) : leak.end() + 40] for leak in LEAKS.finditer(text)]
        # In "Algorithm" and "ASCII" these are the article's subject; "five" has a translation's form as alt=25px.
        assert not leaked or page.title in {"Algorithm", "ASCII", "Animal Farm", "five"}, (page.title, leaked)
        if "Category:" in text:
            assert "[[:Category:" in page.text, page.title
    assert count > 0


@pytest.mark.parametrize("name", DUMPS)
def test_what_is_kept_on_request_is_free_of_markup_too(shared_data, name):
    for page, text in articles(shared_data("wikidump") / name, EVERYTHING):
        assert not [mark for mark in FORBIDDEN if mark in text], page.title
        leaked = re.search(
            r"(?:colspan|rowspan|valign)\s*=|\|\s*(?:thumb|left|right|\d+px)\b|[\x00-\x08]", text
        )
        assert not leaked, (page.title, text[max(leaked.start() - 80, 0) : leaked.end() + 40])


def test_tables_formulas_and_captions_of_real_articles(enwiki, shared_data):
    kept = {page.title: text for page, text in articles(shared_data("wikidump") / ENWIKI, EVERYTHING)}
    albedo = kept["Albedo"]
    assert "Sample albedos\nSurface | Typical albedo\nFresh asphalt | 0.04\nWorn asphalt | 0.12\n" in albedo
    assert "where $A$ is the astronomical albedo, $D$ is the diameter in kilometers" in albedo
    assert albedo.startswith(
        "Percentage of diffusely reflected sunlight in relation to various surface conditions\n\n"
    )
    # Nothing else changes: every long paragraph of prose is still there, but for formulas.
    for page, text in enwiki:
        prose = [paragraph for paragraph in text.split("\n\n") if len(paragraph) > 500]
        whole = set(kept[page.title].split("\n\n"))
        assert all(paragraph in whole for paragraph in prose) or "<math" in page.text, page.title


def test_articles_keep_their_lead_and_headings(enwiki):
    found = {page.title: text for page, text in enwiki}
    for title, (lead, headings) in ARTICLES.items():
        assert found[title].startswith(lead), title
        lines = found[title].split("\n")
        assert [line for line in lines if line in headings][: len(headings)] == headings, title


def test_captions_and_categories_of_other_languages_do_not_leak(shared_data):
    captions_seen = 0
    for name, leaks in {
        "de.mini.xml.bz2": ["Kategorie:", "Datei:", "mini|", "hochkant"],
        "ja.mini.xml.bz2": ["Category:", "ファイル:", "thumb", "px"],
        "zh.mini.xml.bz2": ["Category:", "分類:", "File:", "zh-hans", "-{"],
    }.items():
        for page, text in articles(shared_data("wikidump") / name):
            assert len(text) > 5000
            link = r"\[\[(?:File|Datei|ファイル|画像|Image):[^\[\]]*\|([^\[\]|]{9,})\]\]"
            # A caption of one word, or with an option's "=", says nothing.
            captions = [
                caption for caption in re.findall(link, page.text) if re.search(r"[ 、，の]", caption)
            ]
            captions_seen += len(captions)
            assert not [leak for leak in (*leaks, *captions) if leak in text]
    assert captions_seen > 20


def test_disambiguations_of_the_real_dump(enwiki):
    cleaner = WikitextCleaner(Site())
    found = [page.title for page, _ in enwiki if cleaner.is_disambiguation(page)]
    assert found == [
        "Alien",
        "Austin (disambiguation)",
        "Ada",
        "Aberdeen (disambiguation)",
        "Argument (disambiguation)",
        "Animal (disambiguation)",
        "Asia Minor (disambiguation)",
        "Aa River",
    ]


def reference(wikitext: str) -> str:
    """mwparserfromhell's text of an article, without what it leaves in that no reader sees.

    Two things are handled as the cleaner does, because mwparserfromhell has no say in them: the words that a
    template shows (it drops all templates), and headings (it keeps those with nothing below; left out here).
    """
    code = mwparserfromhell.parse(_with_words_of_templates(wikitext))
    dropped = code.filter_tags(
        matches=lambda tag: (
            str(tag.tag).lower()
            # References and formulas; tables and galleries, whose cells and captions are not asked for.
            in {
                "ref",
                "references",
                "table",
                "gallery",
                "math",
                "timeline",
                "imagemap",
                "syntaxhighlight",
                "source",
            }
        )
    )
    # Files, categories and interlanguage links.
    dropped += code.filter_wikilinks(matches=r"^\[\[\s*(?i:file|image|category|[a-z-]{2,12})\s*:")
    dropped += code.filter_headings()
    # A URL that is no link's label.
    dropped += code.filter_external_links(matches=lambda link: link.title is None)
    for node in dropped:
        if code.contains(node):  # it may have gone with another
            code.remove(node)
    return code.strip_code()


def _with_words_of_templates(wikitext: str) -> str:
    code = mwparserfromhell.parse(wikitext)
    for template in code.filter_templates(recursive=False):
        name = str(template.name).replace("_", " ").strip().lower()
        if render := renderer(name):
            arguments = Arguments([str(argument) for argument in template.params], _with_words_of_templates)
            code.replace(template, render(name, arguments))
    return str(code)


def five_grams(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return list(zip(*(words[i:] for i in range(5)), strict=False))


def test_agrees_with_mwparserfromhell(shared_data):
    """By the share of 5-grams of one text that are in the other, over every sixth article of the enwiki part."""
    ours_total = ours_found = theirs_total = theirs_found = 0
    pages = articles(shared_data("wikidump") / ENWIKI, MarkupConfig(headings=False))
    for page, text in islice(pages, 0, None, 6):
        ours, theirs = five_grams(text), five_grams(reference(page.text))
        in_ours, in_theirs = set(ours), set(theirs)
        ours_found += sum(gram in in_theirs for gram in ours)
        theirs_found += sum(gram in in_ours for gram in theirs)
        ours_total += len(ours)
        theirs_total += len(theirs)
    assert ours_total > 60_000
    assert ours_found / ours_total > 0.97
    assert theirs_found / theirs_total > 0.97
