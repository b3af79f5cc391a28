"""The clean stage learns what templates show from the dump itself, in any language, once for each content."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep import clean
from data_prep.cleaning.template_cache import CACHE, read_learned
from pipeline.config.clean import CleanConfig, DeduplicateConfig, MarkupConfig
from pipeline.config.stages import CleanStage
from pipeline.context import Context, Share
from tests.data_prep.cleaning import Cleaned
from tests.data_prep.dump_files import FOOTER, header, page_xml

# Language: name of the template namespace; templates; an article; what a reader sees of it.
WIKIS: dict[str, tuple[str, Mapping[str, str], str, str]] = {
    "uk": (
        "Шаблон",
        {
            "Інтервікі": "<includeonly>{{#ifexist:{{{1}}}|[[{{{1}}}|{{{2|{{{1}}}}}}]]|<span class='iw'>[[{{{1}}}|"
            "{{{2|{{{1}}}}}}]]<sup class='noprint'>[[:{{{3}}}:{{{4}}}|[{{{3}}}]]]</sup></span>}}</includeonly>",
            "ІВ": "#ПЕРЕНАПРАВЛЕННЯ [[Шаблон:Інтервікі]]",
            "Поч": "до&nbsp;н.&nbsp;е.",
        },
        "'''KornShell''' розробив {{ІВ|Девід Корн|Девідом Корном|en|David Korn}} у 300 {{поч}} в місті {{PAGENAME}}.",
        "KornShell розробив Девідом Корном у 300 до н. е. в місті Стаття.",
    ),
    "bn": (
        "টেমপ্লেট",
        {"একক": "#redirect [[টেমপ্লেট:Convert]]", "Convert": "{{#invoke:convert|convert}}"},
        "মোট আয়তন {{একক|306|km2|sqmi|lk=out|abbr=}}। ঢাকায়",
        "মোট আয়তন 306 km²। ঢাকায়",
    ),
    "ja": (
        "Template",
        {"英文": '<span lang="en" style="font-style:{{{2|normal}}}">{{{1}}}</span>'},
        "たとえば「{{英文|I am a president.}}」と同じ調子",
        "たとえば「I am a president.」と同じ調子",
    ),
    "de": (
        "Vorlage",
        {
            "Zitat-en": "<blockquote>„{{{Text|{{{1|}}}}}}“{{#if:{{{Autor|}}}|<br />– {{{Autor}}}}}</blockquote>",
            "Taste": "<kbd>{{{1}}}</kbd>{{#wechsle:{{{2|}}}||#default=+<kbd>{{{2}}}</kbd>}}",
        },
        "Er sagte:\n{{Zitat-en|To be|Autor=W. S.}}\nUnd drückte {{Taste|Strg|C}}.",
        "Er sagte:\n\n„To be“\n\n– W. S.\n\nUnd drückte Strg+C.",
    ),
}
PLAIN = {
    "filters": {"min_chars": None, "min_alpha_ratio": None, "max_symbol_ratio": None},
    "validation_fraction": 0,
    "test_fraction": 0,
}


def dump(language: str, namespace: str, templates: Mapping[str, str], articles: Mapping[str, str]) -> str:
    pages = [page_xml(n, text, title) for n, (title, text) in enumerate(articles.items(), 1)]
    pages += [
        page_xml(n, text, f"{namespace}:{name}", 10)
        for n, (name, text) in enumerate(templates.items(), 10_000)
    ]
    return header(language, {10: namespace}) + "".join(pages) + FOOTER


@pytest.fixture
def dumps(write: Callable[..., Path]) -> list[Path]:
    return [
        write(f"{language}.xml", dump(language, namespace, templates, {"Стаття": article}))
        for language, (namespace, templates, article, _) in WIKIS.items()
    ]


def test_words_in_templates_of_several_languages(clean_corpus, dumps, tmp_path) -> None:
    cleaned: Cleaned = clean_corpus(tmp_path, "mediawiki", dumps, **PLAIN)
    assert {document.id.split("wiki")[0]: document.text for document in cleaned.documents} == {
        language: expected for language, (*_, expected) in WIKIS.items()
    }


def test_local_disambiguations_go(clean_corpus, write, tmp_path) -> None:
    templates = {"Многозначные": "<div>Список</div>__DISAMBIG__", "Фамилии": "{{Многозначные|люди}}"}
    articles = {"Корн": "* [[Девид Корн]]\n{{фамилии}}", "Лён": "Лён — растение."}
    path = write("ru.xml", dump("ru", "Шаблон", templates, articles))
    cleaned: Cleaned = clean_corpus(tmp_path, "mediawiki", [path], **PLAIN)
    assert [document.title for document in cleaned.documents] == ["Лён"]
    assert cleaned.reasons == {"disambiguation": 1, "namespace": 2}


def test_the_same_for_any_number_of_processes_and_shares(clean_corpus, write, make_context, tmp_path) -> None:
    namespace, templates, *_ = WIKIS["uk"]
    words = "слово " * 400
    articles = {f"A{n}": f"{words} {{{{ІВ|Один {n}|один {n}|en|One}}}} {words}" for n in range(300)}
    path = write("uk.xml", dump("uk", namespace, templates, articles))
    settings = {**PLAIN, "piece_mb": 1, "deduplicate": DeduplicateConfig(documents="none")}
    one: Cleaned = clean_corpus(tmp_path / "one", "mediawiki", [path], **settings)
    two: Cleaned = clean_corpus(tmp_path / "two", "mediawiki", [path], workers=2, **settings)
    assert len(one.files()) > 1
    assert all("один" in document.text for document in one.documents)
    assert two.files() == one.files()
    context = make_context(tmp_path / "shares" / "clean", download=tmp_path / "one" / "download")
    config = CleanStage(clean=CleanConfig(workers=1, **settings))
    clean.prepare(config, context)
    for index in (1, 0):
        clean.survey(config, replace(context, share=Share(index, 2)))
    clean.learn(config, context)
    for phase in (clean.extract, clean.write):
        if phase is clean.write:
            clean.decide(config, context)
        for index in (1, 0):
            phase(config, replace(context, share=Share(index, 2)))
    assert {p.name: p.read_bytes() for p in (context.folder / "documents").iterdir()} == one.files()


def phases_to_learn(
    make_context: Callable[..., Context], folder: Path, download: Path, **settings: object
) -> Context:
    context = make_context(folder, download=download)
    config = CleanStage(clean=CleanConfig(workers=1, **PLAIN, **settings))
    for phase in (clean.prepare, clean.survey, clean.learn):
        phase(config, context)
    return context


def test_a_dump_is_read_for_its_templates_once(clean_corpus, dumps, make_context, tmp_path) -> None:
    clean_corpus(tmp_path, "mediawiki", dumps, **PLAIN)
    (kept,) = (tmp_path / "artifacts" / CACHE).iterdir()
    download = tmp_path / "download"
    again = phases_to_learn(make_context, tmp_path / "again", download, markup=MarkupConfig(lists=False))
    assert not (again.scratch / "survey").exists()
    whole = kept.read_bytes()
    assert (again.scratch / "templates.json").read_bytes() == whole
    kept.write_bytes(whole.replace("Девід".encode(), b"") + b" ")  # not as it was written
    third = phases_to_learn(make_context, tmp_path / "third", download)
    assert (third.scratch / "survey").exists()
    assert (third.scratch / "templates.json").read_bytes() == kept.read_bytes() == whole


def test_a_try_of_a_few_documents_does_not_read_the_whole_dump(
    clean_corpus, dumps, make_context, tmp_path
) -> None:
    clean_corpus(tmp_path, "mediawiki", dumps, max_documents=2, **PLAIN)
    assert not (tmp_path / "artifacts" / CACHE).exists()
    assert read_learned(tmp_path / "clean" / "scratch" / "templates.json", logging.getLogger()) in (None, {})
