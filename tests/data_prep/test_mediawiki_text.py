"""What a reader sees of each construct of wikitext."""

import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.mediawiki.dump import Page
from data_prep.mediawiki.site import Site
from data_prep.mediawiki.text import WikitextCleaner
from pipeline.config.clean import MarkupConfig

FORBIDDEN = ("{{", "}}", "[[", "]]", "<ref", "{|", "|}", "&nbsp;")
cleaner = WikitextCleaner(Site())

CASES = {
    # Links
    "link": ("A [[cat]] sat.", "A cat sat."),
    "link with label": ("A [[Felis catus|cat]] sat.", "A cat sat."),
    "letters after a link": ("[[cat]]s and [[bus|coach]]es", "cats and coaches"),
    "pipe trick": ("[[Help:Cat (animal)|]] [[Bern, Switzerland|]]", "Cat Bern"),
    "link with a leading colon": ("see [[:Category:Cats]]", "see Category:Cats"),
    "two links": ("[[a]][[b|c]]", "ac"),
    "brackets in a label": ("[[a|[b]]]", "[b]"),
    "link over a line's end": ("a [[b|c\nd]] e", "a c d e"),
    "unclosed link": ("a [[b|c d\n\ne", "a c d\n\ne"),
    "stray closing": ("a]] b", "a b"),
    "section link": ("[[#History|above]]", "above"),
    # Links that show elsewhere
    "file": ("a\n\n[[File:x.jpg|thumb|A [[cat|big cat]], [[dog]]]]\n\nb", "a\n\nb"),
    "file in a sentence": ("a [[Image:x.svg|20px]] b", "a b"),
    "file in a file": ("[[File:a.jpg|thumb|x [[File:b.png]] [http://y z]]]a", "a"),
    "unclosed file": ("a\n[[File:x.jpg|thumb|A [[cat]] sat\nb", "a\n\nb"),
    "category": ("a\n[[Category:Cats|*]]\n[[Kategorie:Katzen]] [[分類:猫]]", "a"),
    "file in other languages": (
        "[[Datei:a.jpg|mini|b]] [[ファイル:a.jpg|b]] [[画像:a]] [[Fichier: a]]x",
        "x",
    ),
    "underscores and capitals": ("[[FILE:a.jpg]] [[category :_a]] [[Tập_tin:a.jpg]]x", "x"),
    "interlanguage": ("a [[de:Katze]] [[zh-min-nan:x]]", "a"),
    "interlanguage shown": ("a [[:de:Katze|Katze]]", "a Katze"),
    "a title with a colon": (
        "[[Star Trek: Picard]] and [[2001: A Space Odyssey|2001]]",
        "Star Trek: Picard and 2001",
    ),
    # External links
    "external": ("a [http://b.c/d?e=f the label] g", "a the label g"),
    "external without label": ("a [https://b.c/d] g", "a g"),
    "protocol-relative": ("[//b.c d] [mailto:x@y.z mail]", "d mail"),
    "bare URL": ("see https://b.c/d_(e)?f=1#g, and", "see, and"),
    "bare URL before Chinese": ("见http://b.c/d。完", "见。完"),
    "unclosed external": ("a [http://b.c label\n\nd", "a label\n\nd"),
    "plain brackets": ("he [sic] said a[1]", "he [sic] said a[1]"),
    # Templates
    "template": ("a {{b|c=d}} e", "a e"),
    "nested templates": ("{{a|{{b|{{c}}}}|d={{e}}}}f", "f"),
    "template over lines": ("{{Infobox\n| a = b\n| c = {{d\n|e}}\n}}\n'''F''' is.", "F is."),
    "parameter": ("{{{1}}}a{{{b|c}}}d{{{e|{{f}}}}}", "acd"),
    "unclosed template": ("a\n{{b|c [[d]]\n| e = f\ng", "a\n\ng"),
    "stray braces": ("a }} b { c", "a b { c"),
    "braces matched innermost": ("{{{{{a}}}}}b {{c|{d}}}e", "b }e"),
    "lang": ("the {{lang|fr|mot}} or {{lang-de|Wort}}, {{langx|es|palabra}}", "the mot or Wort, palabra"),
    "convert": ("{{convert|2500|km|mi|0}}, {{cvt|5|to|10.5|C}}", "2,500 km, 5 to 10.5 °C"),
    "convert two units": ("{{convert|6|ft|2|in|cm}} {{convert|29|km|0}}", "6 ft 2 in 29 km"),
    "nowrap": ("{{nowrap|10 [[km|kilometres]]}} off", "10 kilometres off"),
    "nested words": ("{{nowrap|a {{lang|fr|b {{abbr|c|d}}}}}}", "a b c"),
    "named first argument": ("{{math|1=x=y}}", "x=y"),
    "link in an argument": ("{{nowrap|[[a|b]] c}}", "b c"),
    "signs": (
        "a{{spaced ndash}}b{{'s}}{{mdash}}c {{frac|1|2}} {{frac|3|1|2}} {{=}}",
        "a – b's—c 1/2 3 1/2 =",
    ),
    "quote": ("a\n{{Quote|text=To be|author=W. S.}}\nb", "a\n\nTo be\n\nb"),
    "nihongo": ("{{Nihongo|Tokyo|東京|Tōkyō}} is", "Tokyo (東京, Tōkyō) is"),
    "reading": ("{{読み仮名|漢字|かんじ}}は", "漢字（かんじ）は"),
    "ship": ("{{USS|Enterprise|CVN-65}} {{ship|HMS|Victory}}", "USS Enterprise (CVN-65) HMS Victory"),
    "missing article": ("{{ill|A B|de|C}} {{仮リンク|都市|en|City}} {{link-de|城|Burg}}", "A B 都市 城"),
    "parser functions": ("{{#if:a|b}}{{formatnum:1234}} {{uc:x}}", "1234 x"),
    "pronunciation leaves no hole": ("'''Ex''' ({{IPAc-en|ɛ|k|s}}; born 1990) a", "Ex (born 1990) a"),
    "empty parentheses": ("Ex ({{IPA-fr|x}}) is ({{a}}, {{b}}) so ({{c}}/{{d}}).", "Ex is so."),
    "a function's parentheses": (
        "<code>main()</code>, f(), [[g]]() and {{code|h()}} ({{a}}) return ({{b}}, {{c}}).",
        "main(), f(), g() and h() return.",
    ),
    "empty at the end": ("Ex (1990, {{a}}) is", "Ex (1990) is"),
    "empty full-width parentheses": ("柏林（{{lang-x}}，{{a}}）是、{{b}}、c", "柏林是、c"),
    "a stop where an element went": (
        "He left.<ref>a</ref>. She, <ref>b</ref>, too {{c}}. Why <ref/>? মোট <ref/>। So [[File:d]]; e",
        "He left. She, too. Why? মোট। So; e",
    ),
    "a list item begins with what went": ("* {{a}}: b", "- : b"),
    "space before punctuation": ("a {{b}}, c {{d}}. It uses .NET", "a, c. It uses .NET"),
    # Tables
    "table": ('a\n{| class="b"\n|-\n! c !! d\n|-\n| e || [[f]]\n|}\ng', "a\n\ng"),
    "nested tables": ("{|\n|\n{|\n|a\n|}\n|b\n|}c", "c"),
    "indented table": ("a\n:{|\n|b\n|}\nc", "a\n\nc"),
    "unclosed table": ("a\n{| class=b\n|-\n! x\n| y\n\nc", "a\n\nc"),
    "HTML table": ("a<table><tr><td>b<table>c</table></td></tr></table>d", "ad"),
    "table closed by a template": ("{{a}}{|\n|b\n|}\nc", "c"),
    "braces in a line": ("the set {|x|} a", "the set x a"),
    # Tags
    "ref": ("a<ref>b [[c]] {{d}}</ref>, e<ref name=f />.<ref name='g'>h</ref>", "a, e."),
    "ref with a slash in its name": ("a<ref name=b/c>d</ref>e", "ae"),
    "unclosed ref": ("a<ref>b\n\nc", "ab\n\nc"),
    "broken ref": ("a <ref name=b c", "a name=b c"),
    "references": ("a<references><ref>b</ref></references>", "a"),
    "comment": ("a<!-- b\n[[c]] -->d", "ad"),
    "comment with a line to itself": ("a\n<!-- b -->\nc", "a c"),
    "comment inside a tag": (
        'a\n\n<div style="x; <!--border: 1px--> y;">\nb <span <!-- c -->>d</span>\n</div>',
        "a\n\nb d",
    ),
    "powers": (
        "10<sup>6</sup> m<sup>-2</sup> e<sup>&minus;1</sup> x<sup>n</sup> 1<sup>st</sup>",
        "10⁶ m⁻² e⁻¹ xn 1st",
    ),
    "powers in templates": (
        "{{val|1.5|e=-3|u=m}} 2{{e|6}} 10{{sup|4}} a{{sup|b}}",
        "1.5×10⁻³ m 2×10⁶ 10⁴ ab",
    ),
    "unclosed comment": ("a <!-- b\n\nc", "a"),
    "gallery": ("a\n<gallery>\nFile:b.jpg|c\n</gallery>\nd", "a\n\nd"),
    "math": ("where <math>x^2 < 3</math> holds", "where holds"),
    "math at a line's start": ("<math>x</math>, which is", "which is"),
    "syntaxhighlight": ("a\n<syntaxhighlight lang='c'>if (a<b) {{ }}</syntaxhighlight>\nb", "a\n\nb"),
    "other extensions": (
        "<score>c</score><timeline>d</timeline><hiero>e</hiero><imagemap>f</imagemap>g",
        "g",
    ),
    "templatestyles": ("<templatestyles src='a'/>b<TemplateStyles src='c' />d", "bd"),
    "inline tags": ("<b>a</b> <span style='x'>b</span> H<sub>2</sub>O <small>c</small>", "a b H2O c"),
    "line break": ("a<br>b<br />c<br/>\nd", "a\nb\nc d"),
    "line break in a heading": ("== a<br>b ==\nc", "a b\n\nc"),
    "paragraphs": ("<p>a</p><p>b</p>", "a\n\nb"),
    "div": ("<div class='a'>\nb\n</div>", "b"),
    "HTML list": ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
    "HTML heading": ("<h2>A</h2>b", "A\n\nb"),
    "unknown tag": ("a <foo> b < c > d", "a <foo> b < c > d"),
    "lone less-than": ("a < b, a <b, 1<2", "a < b, a <b, 1<2"),
    "poem": ("<poem>\na<br>\nb\n</poem>", "a\nb"),
    "lines of a poem": (
        "x <poem>Roses ''are'' red,\nViolets are.\n\nSugar</poem> y",
        "x\n\nRoses are red,\nViolets are.\n\nSugar\n\ny",
    ),
    "indented lines of a poem": ("<poem>: First line\n: Second\n  third</poem>", "First line\nSecond\nthird"),
    "a list in a poem": ("<poem>a\n* b\nc</poem>", "a\n\n- b\nc"),
    "unclosed poem": ("a <poem>b\nc", "a b c"),
    "includeonly": ("a<includeonly>b</includeonly><noinclude>c</noinclude>", "ac"),
    "capitals": ("a<REF>b</Ref><BR>c", "a\nc"),
    # Literal text
    "nowiki": ("<nowiki>''a'' [b] * {c} &amp;</nowiki>d", "''a'' [b] * {c} &amp;d"),
    "nowiki with links": ("a <nowiki>[[b]]</nowiki> <nowiki>{{c}}</nowiki>", "a b c"),
    "empty nowiki": ("a<nowiki/>b<nowiki></nowiki>c", "abc"),
    "pre": ("<pre>a = b[1]\n  c</pre>", "a = b[1]\n  c"),
    # Quotes
    "bold and italic": ("'''a''' ''b'' '''''c''''' d's", "a b c d's"),
    "four and six quotes": ("''''a''' ''''''b'''''", "'a 'b"),
    "quotes around what is removed": (
        "''A''<ref>x</ref>''B'' ''C''{{d}}<ref/>''E'' ''F''[[File:g]]''H'' ''[http://i]'' ''http://j'' '''<b>K</b>'''",
        "AB CE FH K",
    ),
    "apostrophe before italics": ("l'''amour'' a", "l'amour a"),
    "unclosed bold": ("'''a b\nc", "a b c"),
    # Lines
    "heading": ("== A ==\nb\n===''C''===\nd", "A\n\nb\n\nC\n\nd"),
    "heading after which nothing comes": (
        "a\n==B==\n==C==\nd\n===E===\n{{f}}\n==G==\n[[Category:h]]",
        "a\n\nC\n\nd",
    ),
    "heading with subsections only": ("==A==\n===B===\nc\n===D===\n==E==", "A\n\nB\n\nc"),
    "heading with a comment": ("==A== <!-- b -->\nc", "A\n\nc"),
    "equals signs in a line": ("a = b\n=", "a = b"),
    "bullets": ("* a\n** [[b]]\n*\n* {{c}}\n* d", "- a\n- b\n- d"),
    "numbers": ("# a\n#: b\n# c", "- a\nb\n- c"),
    "definitions": ("; a : b\n; c\n: d", "a: b\nc\nd"),
    "indentation": (":: a", "a"),
    "lines of a paragraph": ("a\nb\n\nc", "a b\n\nc"),
    "lines of a Chinese paragraph": ("中文\n中文 a\nb", "中文中文 a b"),
    "preformatted": ("a\n b\n c\nd", "a\n\nb\nc\n\nd"),
    "rule": ("a\n----\nb", "a\n\nb"),
    "no words": ("a\n.\n—\nb", "a b"),
    "Windows line ends": ("a\r\n\r\n* b\r\n", "a\n\n- b"),
    # The rest
    "entities": (
        "a&nbsp;b &amp; &lt;c&gt; &eacute; &#233; &#xe9; AT&T &bogus; &copy",
        "a b & <c> é é é AT&T &bogus; &copy",
    ),
    "entities that spell markup": (
        "&lt;ref&gt; &#91;&#91;a&#93;&#93; &#123;&#123;b&#125;&#125; &amp;nbsp;c",
        "> a b c",
    ),
    "no-break and thin spaces": ("a\u00a0b\u2009c\u202fd&thinsp;e&ensp;f", "a b c d e f"),
    "invisible characters": ("a\u200eb\u00adc\ufeffd&shy;e", "abcde"),
    "joiners": ("می\u200cخواهم", "می\u200cخواهم"),
    "magic words": (
        "__NOTOC__\n__toc__ __KEIN_INHALTSVERZEICHNIS__ a__init__ __目次強制__",
        "__toc__ a__init__",
    ),
    "signature": ("a ~~~~ b", "a b"),
    "variants": ("-{zh-hans:计算机;zh-hant:電腦}-和-{plain}-和-{zh-tw:甲; zh-hk:乙}-", "计算机和plain和甲"),
    "variant flags": ("-{H|zh-cn:a;zh-tw:b}-c-{A|zh-cn:d;zh-tw:e}--{T|f}--{zh-hans;zh-hant|g}-", "cdg"),
    "variants and links": ("[[-{zh-hans:计算机;zh-hant:電腦}-]]和-{[[a|b]]}-", "计算机和b"),
    "control characters": ("a\x00\x01b\x027\x02", "ab7"),
    "empty": ("", ""),
    "spaces": (" \n\t\n", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_construct(name):
    wikitext, expected = CASES[name]
    assert cleaner.clean(wikitext) == (expected, {})


def test_numbers_of_any_length():
    assert "1" * 5000 in cleaner.clean("A row of {{convert|" + "1" * 5000 + "|m}}.")[0]


def test_local_namespace_names_come_from_the_site():
    site = Site(namespaces={6: "Плика", 14: "Врста ствари"})
    text = "[[Плика:a.jpg|мини|b]] [[врста ствари:c]] [[File:d.jpg]]e"
    assert WikitextCleaner(site).clean(text)[0] == "e"
    assert "b" in cleaner.clean(text)[0]


@pytest.mark.parametrize(
    ("language", "title", "wikitext", "expected"),
    [
        (
            "en",
            "Ada Lovelace",
            "{{PAGENAME}} ({{FULLPAGENAME}}) of{{NAMESPACE}} {{SITENAME}}",
            "Ada Lovelace (Ada Lovelace) of Wiki",
        ),
        (
            "en",
            "Help:A/b",
            "{{PAGENAME}}, {{BASEPAGENAME}}, {{SUBPAGENAME}}, {{NAMESPACE}}",
            "A/b, A, b, Help",
        ),
        ("en", "AC/DC", "{{BASEPAGENAME}}: {{nowrap|{{PAGENAME}}}}", "AC/DC: AC/DC"),
        ("de", "Köln", "{{SEITENNAME}} liegt", "Köln liegt"),
        ("ja", "猫", "{{ページ名}}は", "猫は"),
        ("uk", "Київ", "{{НАЗВА_СТОРІНКИ}} є", "Київ є"),
    ],
)
def test_magic_words_that_need_only_the_page_print_it(language, title, wikitext, expected):
    site = Site(language=language, name="Wiki")
    assert WikitextCleaner(site).clean(wikitext, title)[0] == expected


def test_a_cleaner_can_be_sent_to_other_processes():
    copy = pickle.loads(pickle.dumps(cleaner))  # noqa: S301 (our own)
    assert copy.clean("[[File:a]] b {{c}}")[0] == "b"


@pytest.mark.parametrize(
    "text",
    [
        "'''A''' may be:\n* b\n{{disambig}}",
        "{{Disambiguation|geo}}",
        "{{hndis|Smith}}",
        "{{human_name disambiguation}}",
        "{{Begriffsklärung}}",
        "{{曖昧さ回避}}",
        "{{Aimai}}",
        "{{消歧义}}",
        "{{неоднозначность}}",
        "{{Disambigua}}",
        "{{Desambiguació}}",
        "{{pansayod}}",
        "{{DisambigG}}",
        "{{Вишезначна одредница}}",
        "{{Pekerside}}",
        "a __DISAMBIG__",
    ],
)
def test_disambiguations_are_recognized(text):
    assert cleaner.is_disambiguation(Page(1, "A", 0, None, text))


@pytest.mark.parametrize(
    ("language", "name"), [("sv", "gren"), ("fa", "ابهام زدایی"), ("hy", "բի"), ("nl", "dp")]
)
def test_a_short_name_means_that_in_its_own_language_alone(language, name):
    page = Page(1, "A", 0, None, f"{{{{{name}}}}}")
    assert WikitextCleaner(Site(language=language)).is_disambiguation(page)
    assert not cleaner.is_disambiguation(page)


def test_disambiguation_in_the_title():
    assert cleaner.is_disambiguation(Page(1, "Mercury (disambiguation)", 0, None, "* a"))


@pytest.mark.parametrize(
    "text", ["{{about|b|c|D (disambiguation)}} a", "a [[b]]{{disambiguation needed}}", "a"]
)
def test_articles_are_no_disambiguations(text):
    assert not cleaner.is_disambiguation(Page(1, "A", 0, None, text))


MARKUP = """
    {{ }} [[ ]] { } [ ] | {| |} <ref </ref> <ref> <!-- --> < > ' '' ''' &nbsp; &amp; nbsp; &lt;ref &#91; ; -
    -{ }- == = * : # __ ~~~~ http:// [http://a File: Category: de: <nowiki> </nowiki> <pre> <table> </table>
    <br> <p> <li> <math> </math> {{nowrap| {{lang|en| {{!}} {{( {{) {{{ }}} ( ) , . ( （ ） 、 é 中
    a 0 <ref/> r e f <r
    <poem> </poem> <sup> () main() {{PAGENAME}} <b <!-- c -->>
    <gallery> </gallery> File:a|b |thumb|c [[File:a|thumb| || !! |- |+ <tr> <td rowspan=2> <th> <caption>
    rowspan=3| colspan=2| {{Infobox a| b= |c= {{plainlist| {{ubl|a
"""
SENTENCES = [
    *(
        " A word",
        ", and more.",
        " (so ",
        "{{a}}",
        ") ",
        "\n\n",
        "\n",
        " '''bold''' ",
        " ''it''",
        "[[link|a link]]",
    ),
    *(
        "\n* item",
        "\n== Heading ==\n",
        "<ref>r</ref>",
        "[[File:a.jpg|thumb|b]]",
        "\n{|\n| c\n|}\n",
        "[http://x y]",
    ),
    *(
        "<br>",
        "{{lang|fr|mot}}",
        "\n: indented",
        "<!-- c -->",
        "&nbsp;",
        "[[Category:d]]",
        " 中文",
        "（{{e}}）",
    ),
]
CONTROLS = ("\x01", "\x02", "\x03", "\x04", "\x05", "\x06")
markup = st.lists(
    st.sampled_from([*MARKUP.split(), "\n", "\n|", "\n{|", " ", "word", *"\x01\x02\x03\x04\x05\x06"]),
    max_size=60,
).map("".join)


markups = st.builds(
    MarkupConfig,
    headings=st.booleans(),
    lists=st.booleans(),
    tables=st.sampled_from(["drop", "text"]),
    math=st.sampled_from(["drop", "latex"]),
    captions=st.booleans(),
    link_targets=st.booleans(),
    infobox=st.booleans(),
)


@settings(max_examples=1000, deadline=None)
@given(markup, markups)
def test_no_markup_remains_of_any_text(text, kept):
    clean, meta = WikitextCleaner(Site(), kept).clean(text)
    facts = [fact for box in meta.get("infobox", []) for fact in box["facts"].values()]
    for found in (clean, *facts):
        assert not [mark for mark in (*FORBIDDEN, *CONTROLS) if mark in found]
        assert found == found.strip()
    assert not [title for title in meta.get("links", []) if "#" in title or not title.strip()]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), markups)
def test_any_text_is_cleaned(text, kept):
    clean, _ = WikitextCleaner(Site(), kept).clean(text)
    assert not [mark for mark in (*FORBIDDEN, *CONTROLS) if mark in clean]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(SENTENCES), max_size=12).map("".join))
def test_text_that_is_clean_keeps_its_words(text):
    """Clean text may be cleaned again: only its lines may run on, and lost punctuation go."""
    clean, _ = cleaner.clean(text)
    again, _ = cleaner.clean(clean)
    # Lines of Chinese may be joined: there is no space between its words.
    assert "".join(re.findall(r"\w+", again)) == "".join(re.findall(r"\w+", clean))
