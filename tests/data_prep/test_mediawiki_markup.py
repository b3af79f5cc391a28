"""What of a page's markup is kept, where it is asked for."""

import pytest

from data_prep.mediawiki.site import Site
from data_prep.mediawiki.text import WikitextCleaner
from pipeline.config.clean import MarkupConfig

TABLES = {
    "rows and caption": (
        'a\n{| class="wikitable" style="x"\n|+ style="y" | The \'\'\'caption\'\'\'\n! Year !! scope="col" | [[Film]]\n'
        "|-\n| 1990 || ''[[A (film)|A]]''\n|-\n| align=right | 1991\n| B\n|}\nb",
        "a\n\nThe caption\nYear | Film\n1990 | A\n1991 | B\n\nb",
    ),
    "a cell over rows is in each of them": (
        '{|\n| rowspan="2" | 1990 || A\n|-\n| B\n|-\n| 1991 || C\n|}',
        "1990 | A\n1990 | B\n1991 | C",
    ),
    "in the middle, too": (
        "{|\n| a || rowspan=3 | b || c\n|-\n| d || e\n|-\n| f\n|}",
        "a | b | c\nd | b | e\nf | b",
    ),
    "a cell over columns is written once": (
        "{|\n| colspan=2 | a || b\n|-\n| c || d || e\n|}",
        "a | b\nc | d | e",
    ),
    "rows below find their columns": (
        "{|\n| colspan=2 | a || rowspan=2 | b\n|-\n| c || d\n|}",
        "a | b\nc | d | b",
    ),
    "empty cells keep their place": ("{|\n| || b ||\n|-\n| c || || d\n|-\n| || ||\n|}", "| b\nc | | d"),
    "lines and lists in a cell": ("{|\n| a\nb<br>c\n| * d\n* e\n|}", "a b c | d, e"),
    "a table in a cell follows its row": (
        "{|\n| a || b\n{|\n| c || d\n|}\n|-\n| e || f\n|}",
        "a | b\nc | d\ne | f",
    ),
    "attributes that a template followed": ('{|\n| a || colspan="5" {{yes}} || style=x\n|}', "a"),
    "HTML": (
        "a<table border=1><caption>b</caption><tr><th>c</th><th align='x'>d</th></tr>"
        "<tr><td rowspan=2>e</td><td>[[f|g]]</td></tr><tr><td>h\n</td></tr></table>i",
        "a\n\nb\nc | d\ne | g\ne | h\n\ni",
    ),
    "never closed": ("a\n{| class=b\n! c\n| d\n\ne", "a\n\ne"),
    "never closed around one that is": ("{| class=b\n|\n{|\n| c || d\n|}\ne", "c | d\n\ne"),
    "indented, after text": ("a\n:{|\n| b || c\n|}\nd", "a\n\nb | c\n\nd"),
    "a cell that looks like a heading": ("{|\n|\n= a =\n| b\n|}", "= a = | b"),
    "a pipe from a template": ("{|\n{{!}} a {{!}}{{!}} b\n|}", "a | b"),
    "a file with its options": ("{|\n| [[File:a.jpg|20px|alt=x]] b || c\n|}", "b | c"),
    "nothing but markup": ("a\n{|\n|-\n| || [[File:a.jpg]]\n|}\nb", "a\n\nb"),
}
CAPTIONS = {
    "after the block it stands in": (
        "A\n[[File:x.jpg|thumb|left|200px|The [[cat|big cat]]'s ''ear'']]\n\n[[Image:y.png|frame|b]]C.",
        "A\n\nThe big cat's ear\n\nC.\n\nb",
    ),
    "images without a frame have none": ("A [[File:x.svg|20px|tip]] b [[File:y|z]]c", "A b c"),
    "the last that is no option": ("[[File:x|thumb|alt=a b|c|link=d|upright=1.2|x100px|lang=en]]", "c"),
    "no caption": ("a\n[[File:x.jpg|thumb|right]]\n[[File:x.jpg|thumb|]]", "a"),
    "a thumbnail of its own": ("[[File:x.jpg|thumb=y.jpg|b]]", "b"),
    "its section's heading stays": ("a\n== B ==\n[[File:x.jpg|thumb|c]]", "a\n\nB\n\nc"),
    "over several lines": ("[[File:x.jpg|thumb|a\nb]]", "a b"),
    "in a list": ("* a [[File:x.jpg|thumb|b]]\n* c", "- a\n- c\n\nb"),
    "a caption with a number": ("a [[File:x.jpg|thumb|upright 1.2|Apollo 11]]", "a\n\nApollo 11"),
    "a file inside another's caption": ("[[File:x|thumb|a [[File:y|thumb|b]] c]]d", "d\n\na c"),
    "never closed": ("a [[File:x.jpg|thumb|b c\n\nd", "a\n\nd"),
    "gallery": (
        "a\n<gallery mode='packed'>\nFile:a.jpg|One <br> [[two]]<ref>x</ref>\nb.jpg|alt=c|Three\nc.jpg\n</gallery>\nd",
        "a\n\nOne\ntwo\n\nThree\n\nd",
    ),
    "categories": ("a [[Category:b|thumb|c]]", "a"),
}


def clean(wikitext: str, site: Site = Site(), **markup: object) -> str:  # noqa: B008 (it is frozen)
    return WikitextCleaner(site, MarkupConfig(**markup)).clean(wikitext)[0]


@pytest.mark.parametrize("name", TABLES)
def test_tables_as_text(name):
    wikitext, expected = TABLES[name]
    assert clean(wikitext, tables="text") == expected


@pytest.mark.parametrize("name", CAPTIONS)
def test_captions(name):
    wikitext, expected = CAPTIONS[name]
    assert clean(wikitext, captions=True) == expected


def test_spans_cannot_multiply_a_table():
    table = "{|\n| rowspan=9999 | " + "long " * 100 + "|| x\n" + "|-\n| y\n" * 2000 + "|}"
    assert len(clean(table, tables="text")) < 2 * len(table)


def test_without_headings():
    assert clean("a\n== B ==\nc\n=== D ===\n", headings=False) == "a\n\nc"


def test_without_lists():
    text = "a\n* b\n** c\n*: d\n: e\n\n: quoted\n; f\n: g\nh\n# i"
    assert clean(text, lists=False) == "a\n\nquoted\n\nh"


def test_captions_of_tables_that_are_dropped_go_with_them():
    assert clean("{|\n| [[File:x.jpg|thumb|a]]\n|}b", captions=True) == "b"
    assert clean("{|\n| [[File:x.jpg|thumb|a]] c\n|}b", captions=True, tables="text") == "c\n\na\n\nb"


@pytest.mark.parametrize(
    ("math", "expected"),
    [
        ("x^2", "$x^2$"),
        ("a &lt; b\n+ c", "$a < b + c$"),
        ("x^{2^{n}}", "$x^{2^{n} }$"),
        ("{{a}} [[b]] {|c|}", "${ {a} } [ [b] ] { |c| }$"),
        (" ", ""),
    ],
)
def test_formulas(math, expected):
    text = f"where <math display='inline'>{math}</math>holds"
    assert clean(text, math="latex") == f"where {expected}holds"
    assert clean(text) == "where holds"


def test_a_line_that_is_a_formula_stays():
    assert clean(": <math>E = mc^2</math>\n\n<math>,x</math>", math="latex") == "$E = mc^2$\n\n$,x$"


def test_link_targets():
    text = (
        "[[cat]]s, [[Cat|them]], [[dog#Ears|ears]] [[:fox_hole]] [[a&amp;b]] [[Star Trek: Picard]] [[#here]] "
        "[[File:x.jpg|thumb|of [[mice]]]] [[Category:y]] [[:Category:z]] [[de:Katze]] [[wikt:cat]] {{a|[[no]]}}"
        "<ref>[[no]]</ref>\n{|\n| [[In a table]]\n|}"
    )
    cleaner = WikitextCleaner(Site(), MarkupConfig(link_targets=True))
    assert cleaner.clean(text)[1] == {
        "links": ["Cat", "Dog", "Fox hole", "A&b", "Star Trek: Picard", "Mice", "In a table"]
    }
    assert cleaner.clean("no links")[1] == {}
    site = Site(case="case-sensitive")
    assert WikitextCleaner(site, MarkupConfig(link_targets=True)).clean("[[cat]] [[Cat]]")[1] == {
        "links": ["cat", "Cat"]
    }


def test_infoboxes():
    text = """{{Short description|x}}
{{Infobox_person
| name = '''Ann''' [[Lee|L.]]<ref>b</ref> <!-- c -->
| birth_date = {{birth date and age|1950|1|31}}
| children = {{plainlist|
* Bo
* [[Cy]]
}}
| works = {{ubl|a|{{lang|fr|b}}}}
| height = {{convert|6|ft|2|in|cm}}
| formula = <math>x</math>
| empty =
| module = {{Infobox inner|a=b}}
}}
'''Ann''' is {{taxobox|genus=''Felis''}}. {{no box|a=b}}"""
    cleaner = WikitextCleaner(Site(), MarkupConfig(infobox=True, lists=False, math="latex"))
    clean, meta = cleaner.clean(text)
    assert clean == "Ann is."
    assert meta == {
        "infobox": [
            {
                "name": "Infobox person",
                "facts": {
                    "name": "Ann L.",
                    "birth_date": "1950-01-31",
                    "children": "- Bo\n- Cy",
                    "works": "a b",
                    "height": "6 ft 2 in",
                    "formula": "$x$",
                },
            },
            {"name": "taxobox", "facts": {"genus": "Felis"}},
        ]
    }
    assert cleaner.clean("{{Quote|a=b}}")[1] == {}


LOCAL = {
    "en": ("File Image", "Category", "thumb left upright=1.2 page_3"),
    "ceb": ("Payl Imahen", "Kategoriya", "thumb left"),
    "de": ("Datei Bild", "Kategorie", "mini hochkant_1.2 links 200px tiefgestellt"),
    "fr": ("Fichier Image", "Catégorie", "vignette gauche redresse=1.5"),
    "sv": ("Fil Bild", "Kategori", "miniatyr vänster stående"),
    "nl": ("Bestand Afbeelding", "Categorie", "miniatuur links rechtop"),
    "ru": ("Файл Изображение", "Категория", "мини слева 200пкс"),
    "es": ("Archivo Imagen", "Categoría", "miniaturadeimagen izquierda"),
    "it": ("File Immagine", "Categoria", "originale sinistra verticale=1.4 metà testo-sotto"),
    "pl": ("Plik Grafika", "Kategoria", "mały lewo skala=0.8"),
    "arz": ("ملف صورة", "تصنيف", "تصغير يسار 200بك خط_اساسى"),
    "zh": ("文件 檔案 图像 圖片", "分类 分類", "缩略图 左 200像素"),
    "ja": ("ファイル 画像", "カテゴリ", "サムネイル 左 200ピクセル 代替文=x ベースライン"),
    "uk": ("Файл Зображення", "Категорія", "міні ліворуч 200пкс"),
    "vi": ("Tập_tin Hình", "Thể_loại", "nhỏ trái"),
    "war": ("Fayl Paypay", "Kaarangay", "thumb left"),
    "ar": ("ملف صورة", "تصنيف", "تصغير يمين بديل=x"),
    "pt": ("Ficheiro Imagem Arquivo", "Categoria", "miniaturadaimagem esquerda"),
    "fa": ("پرونده تصویر", "رده", "بندانگشتی چپ 200پیکسل"),
    "ca": ("Fitxer Imatge", "Categoria", "marc esquerra redreçat_1.2 línia_de_base"),
    "id": ("Berkas Gambar", "Kategori", "jmpl kiri tegak_1.2"),
    "ko": ("파일 그림", "분류", "섬네일 왼쪽 200픽셀"),
    "sr": ("Датотека Слика", "Категорија", "умањено десно усправно_1.2 200п"),
    "no": ("Fil Bilde", "Kategori", "miniatyr høyre portrett_1.2"),
    "tr": ("Dosya Resim", "Kategori", "küçükresim sağ dikey"),
    "fi": ("Tiedosto Kuva", "Luokka", "pienoiskuva oikea pysty"),
    "cs": ("Soubor", "Kategorie", "náhled vpravo 200pixelů"),
    "hu": ("Fájl Kép", "Kategória", "bélyegkép jobbra"),
    "ro": ("Fișier Imagine", "Categorie", "cadru dreapta"),
    "he": ("קובץ תמונה", "קטגוריה", "ממוזער ימין 200_פיקסלים"),
    "hy": ("Պատկեր", "Կատեգորիա", "մինի աջից 200փքս"),
}


@pytest.mark.parametrize("language", LOCAL)
def test_names_of_the_large_wikipedias(language):
    files, categories, options = LOCAL[language]
    site = Site(language=language)
    parameters = options.replace(" ", "|")
    for name in files.split():
        text = f"a\n[[{name}:x.jpg|{parameters}|The caption]]\n[[{name.lower().replace('_', ' ')}: y.jpg]]"
        assert clean(text, site) == "a"
        assert clean(text, site, captions=True) == "a\n\nThe caption"
        assert clean(f"a [[{name}:x.jpg|{parameters}]]", site, captions=True) == "a"
        shown = parameters.replace("_", " ")  # after the caption, and as people write them
        text = f"a [[{name}:x.jpg|{parameters}|The caption|{shown}]]"
        assert clean(text, site, captions=True) == "a\n\nThe caption"
    for name in categories.split():
        assert clean(f"a [[{name}:x]]", site) == "a"


def test_a_name_that_elsewhere_begins_a_title_is_local():
    assert clean("a [[Imagine: John Lennon|Imagine]]") == "a Imagine"


def test_names_with_vowel_signs_are_names():
    """Combining marks are no letters to Python: what they stand in was no name, and its value text."""
    assert clean("{{nobold|நன்றி}} {{nowrap|1=அ|நிலை=b}}") == "நன்றி அ"
    assert clean("a [[File:x.jpg|thumb|जहाज|लिंक=घर]]", captions=True) == "a\n\nजहाज"


@pytest.mark.parametrize(
    "word",
    [
        "__NOTOC__",
        "__KEIN_INHALTSVERZEICHNIS__",
        "__AUCUNSOMMAIRE__",
        "__INGENINNEHÅLLSFÖRTECKNING__",
        "__GEENINHOUD__",
        "__БЕЗ_ОГЛАВЛЕНИЯ__",
        "__NOTDC__",
        "__NOINDICE__",
        "__BEZSPISU__",
        "__لا_فهرس__",
        "__无目录__",
        "__無目錄__",
        "__目次非表示__",
        "＿＿目次非表示＿＿",
        "__NOTOC____NOINDEX__",
        "__БЕЗ_ЗМІСТУ__",
        "__KHÔNGMỤCLỤC__",
        "__SEMSUMÁRIO__",
        "__بی\u200cفهرست__",
        "__FORÇATAULA__",
        "__HIDDENCAT__",
        "__अनुक्रम_नहीं__",
    ],
)
def test_magic_words_of_other_languages_vanish(word):
    assert clean(f"a {word} b") == "a b"


@pytest.mark.parametrize(
    ("chinese", "expected"),
    [("as_is", "计算机 a 甲 c"), ("simplified", "计算机 a 乙 c"), ("traditional", "電腦 b 甲 c")],
)
def test_variants_of_chinese(chinese, expected):
    text = "-{zh-hans:计算机;zh-hant:電腦}- -{zh-cn:a;zh-hk:b}- -{zh-tw:甲;zh-sg:乙}- -{c}-"
    assert WikitextCleaner(Site(), chinese=chinese).clean(text)[0] == expected
