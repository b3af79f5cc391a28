"""What a template shows, learned from its source: rules, what is no prose, and how they are applied."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.mediawiki.dump import Page
from data_prep.mediawiki.learn_templates import TemplateLearner
from data_prep.mediawiki.namespaces import link_prefixes
from data_prep.mediawiki.redirects import redirect_target
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.template_book import TemplateBook
from data_prep.mediawiki.template_facts import read_fact
from data_prep.mediawiki.template_rules import RuleReader
from data_prep.mediawiki.text import WikitextCleaner

SITE = Site(language="uk", namespaces={**Site().namespaces, 10: "Шаблон", 14: "Категорія"})
FORBIDDEN = ("{{", "}}", "[[", "]]", "<ref", "{|", "|}", "&nbsp;")


def learn(sources: dict[str, str]) -> TemplateBook:
    """What is learned of templates by these names, through JSON as the stage keeps it."""
    reader = RuleReader(link_prefixes(SITE))
    pages = [
        Page(n, f"Шаблон:{name}", 10, redirect_target(text), text)
        for n, (name, text) in enumerate(sources.items())
    ]
    learner = TemplateLearner([read_fact(page, reader) for page in pages])
    return TemplateBook(json.loads(json.dumps(learner.rules())), learner.disambiguations())


def clean(wikitext: str, sources: dict[str, str]) -> str:
    return WikitextCleaner(SITE, templates=learn(sources)).clean(wikitext, "Місто")[0]


CASES = {
    "an argument": ("x {{t|a}} y", {"T": "<span class='k'>{{{1}}}</span>"}, "x a y"),
    "the first of several": ("x {{t|a|b}} {{t|c}} y", {"T": "{{#if:{{{2|}}}|{{{2}}}|{{{1}}}}}"}, "x b c y"),
    "a named argument": ("x {{t|текст=a}} {{t|b}} y", {"T": "{{{текст|{{{1|}}}}}}"}, "x a b y"),
    "a link with a label": ("x {{t|A|b}} y", {"T": "[[{{{1}}}|{{{2|{{{1}}}}}}]]"}, "x b y"),
    "a label that may be there": (
        "x {{t|A|b}} {{t|C}} y",
        {"T": "[[{{{1}}}{{#if:{{{2|}}}|{{!}}{{{2}}}}}]]"},
        "x b C y",
    ),
    "a mark of another wiki is no word": (
        "x {{t|A|b|ru|B}} y",
        {"T": "[[{{{1}}}|{{{2}}}]]<sup><small>[[:{{{3}}}:{{{4}}}|[{{{3}}}]]]</small></sup>"},
        "x b y",
    ),
    "what is not shown": (
        "x {{t|A}} y",
        {
            "T": '<span style="display:none">{{{2|q}}}</span><span class="noprint">q</span>{{{1}}}[[Категорія:Q]]'
            "<ref>q</ref>"
        },
        "x A y",
    ),
    "what is not included": (
        "x {{t|A}} y",
        {"T": "<noinclude>q</noinclude><includeonly>{{{1}}}</includeonly><!-- q --><noinclude>{{doc}}"},
        "x A y",
    ),
    "only what is included": ("x {{t|A}} y", {"T": "q <onlyinclude>{{{1}}}</onlyinclude> q"}, "x A y"),
    "words around": ("x {{t|5}} y", {"T": "{{{1}}}&nbsp;км²"}, "x 5 км² y"),
    "a constant": ("x 300 {{t}} y", {"T": "до&nbsp;н.&nbsp;е."}, "x 300 до н. е. y"),
    "a switch": (
        "x {{t|b|c}} {{t|d}} y",
        {"T": "{{#switch:{{{1}}}|a|b={{{2}}}|#default={{{1}}}}}"},
        "x c d y",
    ),
    "functions in the wiki's language": (
        "x {{t|A|b}} {{t|C}} y",
        {"T": "{{#якщо:{{{2|}}}|{{{2}}}|{{#вибірка:{{{1}}}|A=q|{{{1}}}}}}}"},
        "x b C y",
    ),
    "another template": (
        "x {{t|A}} y",
        {"T": "{{U|1={{{1}}}}}{{V}}", "U": "''{{{1}}}''", "V": "<sup>[q]</sup>"},
        "x A y",
    ),
    "one that the tables know": ("x {{t|Wort}} y", {"T": "{{lang|de|{{{1}}}}}"}, "x Wort y"),
    "a redirect": ("x {{u|A}} y", {"U": "#ПЕРЕНАПРАВЛЕННЯ [[Шаблон:T]]", "T": "'''{{{1}}}'''"}, "x A y"),
    "a redirect to one that the tables know": (
        "x {{u|5|km}} y",
        {"U": "#redirect [[Template:Convert]]"},
        "x 5 km y",
    ),
    "units converted by a module": ("x {{t|5|km2}} y", {"T": "{{#invoke:convert|convert}}"}, "x 5 km² y"),
    "a template that the tables know by the same name": (
        "x {{convert|5|km2}} {{lang|de|Wort}} y",
        {"Convert": "{{#invoke:Convert|convert}}", "Lang": "{{#invoke:lang|lang|{{{1}}}|{{{2}}}}}"},
        "x 5 km² Wort y",
    ),
    "the page's name": ("x {{t}} y", {"T": "{{{1|{{PAGENAME}}}}}"}, "x Місто y"),
    "keys": (
        "x {{t|Alt|F4}} {{t|Esc}} y",
        {"T": "<kbd>{{{1}}}</kbd>{{#if:{{{2|}}}|+<kbd>{{{2}}}</kbd>}}"},
        "x Alt+F4 Esc y",
    ),
    "a quotation": (
        "x\n{{t|To be|автор=W. S.}}\ny",
        {"T": "<blockquote>{{{1}}}{{#if:{{{автор|}}}|<p>— {{{автор}}}</p>}}</blockquote>"},
        "x\n\nTo be\n\n— W. S.\n\ny",
    ),
    "the source over the table": (
        "x {{code|de|a}} y",
        {"Code": "<code lang='{{{1}}}'>{{{2}}}</code>"},
        "x a y",
    ),
    "what shows nothing, whatever the table says": (
        "x {{flag|UA}} y",
        {"Flag": "[[Файл:{{{1}}}.svg|20px]]"},
        "x y",
    ),
    "titles that differ in case": ("x {{тест|A}} y", {"ТЕСТ": "{| q |}", "Тест": "{{{1}}}"}, "x A y"),
    # What is no word of the sentence.
    "a box": ("x {{t|A}} y", {"T": "{|\n| {{{1}}}\n|}"}, "x y"),
    "a box made by another": ("x {{t|A}} y", {"T": "{{Infobox|title={{{1}}}}}"}, "x y"),
    "a module that nobody knows": ("x {{t|A}} y", {"T": "{{#invoke:Box|main|{{{1}}}}}"}, "x y"),
    "a pointer to another article": ("x\n{{t|A}}\ny", {"T": ":''Основна стаття: [[{{{1}}}]]''"}, "x\n\ny"),
    "a hatnote": ("x\n{{t|A}}\ny", {"T": '<div class="hatnote">[[{{{1}}}]]</div>'}, "x\n\ny"),
    "a notice": ("x {{t|2020}} y", {"T": "Ця стаття потребує перевірки з {{{1}}} року"}, "x y"),
    "a note": ("x{{t|2020}} y", {"T": "<sup>[''джерело?'']</sup>"}, "x y"),
    "a citation": (
        "x {{t|a=1|b=2|c=3|d=4}} y",
        {"T": "{{{a}}}. ''{{{b}}}''. {{{c}}}. {{{d}}}"},
        "x y",
    ),
    "an anchor": ("x {{t|A}}y", {"T": '<span id="{{{1}}}"></span>'}, "x y"),
    "what uses itself": ("x {{коло|A}} y", {"Коло": "{{Круг|{{{1}}}}}", "Круг": "{{Коло|{{{1}}}}}"}, "x y"),
    "an argument shown twice": ("x {{t|A}} y", {"T": "{{{1}}} {{{1}}}"}, "x y"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_template_shows(name):
    wikitext, sources, expected = CASES[name]
    assert clean(wikitext, sources) == expected


def test_disambiguations_are_learned_through_redirects_and_other_templates():
    book = learn(
        {
            "Неоднозначне": "<div>Список</div>__DISAMBIG__<noinclude>{{doc}}</noinclude>",
            "Прізвища": "{{Неоднозначне|люди}}",
            "Н": "#ПЕРЕНАПРАВЛЕННЯ [[Шаблон:Прізвища]]",
            "Ні": "<noinclude>__DISAMBIG__</noinclude>{{{1}}}",
        }
    )
    assert book.disambiguations == {"неоднозначне", "прізвища", "н"}
    cleaner = WikitextCleaner(SITE, templates=book)
    assert cleaner.is_disambiguation(Page(1, "A", 0, None, "* b\n{{Н}}"))
    assert not cleaner.is_disambiguation(Page(1, "A", 0, None, "* b\n{{Ні|c}}"))


@pytest.mark.parametrize(
    "word", ["__توضيح__", "__BEGRIFFSKLÄRUNG__", "__曖昧さ回避__", "__निःसंदिग्ध__", "__ĐỊNHHƯỚNG__"]
)
def test_the_magic_word_in_other_languages(word):
    assert WikitextCleaner(SITE).is_disambiguation(Page(1, "A", 0, None, f"* b\n{word}"))


MARKUP = """
    {{{1}}} {{{1|}}} {{{a|b}}} {{{ }}} {{ }} {{#if: {{#switch: {{U| | = # : * [[ ]] [ ] {| |} <ref> </ref> <sup> </sup>
    <noinclude> </noinclude> <onlyinclude> <div> </div> <nowiki> </nowiki> <!-- --> ' '' &nbsp; &#91; {{!}} {{PAGENAME}}
    word [[File:a|
""".split()  # noqa: SIM905 (one a line would take pages)
markup = st.lists(st.sampled_from([*MARKUP, "\n", " "]), max_size=25).map("".join)


@settings(max_examples=500, deadline=None)
@given(markup, markup, markup)
def test_no_markup_remains_whatever_the_sources(source, other, argument):
    text = clean(f"a {{{{T|{argument}}}}} b {{{{U|a=c}}}} d", {"T": source, "U": other})
    assert not [mark for mark in (*FORBIDDEN, "\ue000", "\ue001") if mark in text]


def test_a_chain_of_templates_costs_no_more_than_its_length():
    sources = {
        f"T{n}": f"{{{{#if:{{{{T{n + 1}|{{{{{{1}}}}}}}}}}|{{{{T{n + 1}|{{{{{{1}}}}}}}}}}}}}}"
        for n in range(30)
    }
    sources["T30"] = "{{{1}}}"
    assert clean("x {{T29|a}} y", sources) == "x a y"
    assert clean("x {{T0|a}} y", sources) == "x y"  # two to the thirtieth
