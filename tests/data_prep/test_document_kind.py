"""Articles, stubs and lists are told apart, in the languages of Wikipedia."""

import pytest

from data_prep.filters import DocumentFilter
from data_prep.text.document_kind import document_kind
from data_prep.text.text_features import Features
from pipeline.config.filters import FilterConfig
from tests.data_prep.cleaning import PROSE

ARTICLE = "\n\n".join([PROSE] * 3)
ITEMS = "\n".join(f"- The boat of number {number}" for number in range(60))
TABLE = "\n".join(f"Boat {number} | blue | {number + 1900}" for number in range(60))
CONFIG = FilterConfig()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (ARTICLE, "article"),
        (f"{ARTICLE}\n\nSee also\n\n- Pier\n- Market", "article"),
        (PROSE, "stub"),
        (f"The boats\n\n{PROSE}\n\nSee also\n\n- Pier", "stub"),
        ("港口很安静。" * 10, "stub"),
        ("港口很安静。" * 30, "article"),
        (f"{PROSE}\n\n{ITEMS}", "list"),
        (f"{PROSE}\n\n{TABLE}", "list"),
        (f"{ARTICLE * 4}\n\n{ITEMS}", "article"),
        ("", "stub"),
    ],
)
def test_the_kind_shows_in_the_lines(text: str, kind: str) -> None:
    assert document_kind(text, "Harbour", CONFIG) == kind


@pytest.mark.parametrize(
    "title",
    [
        "List of harbours",
        "Lists of ships",
        "Liste der Häfen",
        "Liste von Schiffen",
        "Liste des ports de France",
        "Liste d'écrivains",
        "Lista de puertos",
        "Lista dei porti",
        "Lista premierów Polski",
        "Lijst van havens",
        "Список портов",
        "Seznam přístavů",
        "日本の港湾一覧",
        "中国港口列表",
        "대한민국의 항구 목록",
        "Türkiye limanları listesi",
    ],
)
def test_a_list_is_named_so_in_its_language(title: str) -> None:
    assert document_kind(ARTICLE, title, CONFIG) == "list"


@pytest.mark.parametrize(
    "title", ["Listed building", "Lista Airport", "Listen to the sea", "Franz Liszt", "A list of ships"]
)
def test_other_titles_name_no_list(title: str) -> None:
    assert document_kind(ARTICLE, title, CONFIG) == "article"


def test_thresholds_are_settings() -> None:
    assert document_kind(PROSE, "", FilterConfig(stub_words=10)) == "article"
    assert document_kind(f"{ARTICLE}\n\n{ITEMS}", "", FilterConfig(list_ratio=0.3)) == "list"


def test_stubs_and_lists_are_dropped_where_told_so() -> None:
    features = Features(PROSE)
    assert DocumentFilter(FilterConfig(stubs="drop")).reason(features, "stub") == "stub"
    assert DocumentFilter(FilterConfig(lists="drop")).reason(features, "list") == "list"
    assert DocumentFilter(FilterConfig(stubs="drop", lists="drop")).reason(features, "article") is None
    assert {DocumentFilter(CONFIG).reason(features, kind) for kind in ("stub", "list")} == {None}


def test_the_kinds_of_real_articles(wiki_articles) -> None:
    articles = [
        *wiki_articles("enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"),
        *wiki_articles("en.mini.xml.bz2"),
    ]
    kinds = {title: document_kind(text, title, CONFIG) for title, text in articles}
    assert {title for title, kind in kinds.items() if kind == "list"} == {
        "List of Atlas Shrugged characters",
        "List of anthropologists",
        "Kerala Agricultural University",  # courses and institutes, item by item
    }
    assert {title for title, kind in kinds.items() if kind == "stub"} == {
        "Algorithms (journal)",
        "Borysthenia goldfussiana",
        "Dahlak SC",
        "Ingoldiomyces",
    }
