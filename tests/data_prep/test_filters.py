"""Every rule drops what its reason says at its published threshold, and keeps what just passes."""

from typing import NamedTuple, get_args

import pytest
import yaml

from data_prep.filters import DocumentFilter, options, rules
from data_prep.text.document_kind import document_kind
from data_prep.text.text_features import Features
from pipeline.config.clean import CleanConfig
from pipeline.config.filters import FilterConfig, filter_sets
from tests.conftest import ROOT
from tests.data_prep.cleaning import NO_FILTERS, PROSE

CHINESE = (
    "北京市是中华人民共和国的首都，也是全国的政治、文化和国际交往中心。这座城市的历史可以追溯到三千多年前。"
    * 6
)
HINDI = "दिल्ली भारत की राजधानी है और यह देश का एक बहुत बड़ा महानगर भी है। यहाँ की जनसंख्या लगभग दो करोड़ है। " * 4
VERSE = "\n".join(f"This is line number {number} of a long poem about the sea." for number in range(20))


class Case(NamedTuple):
    """A text that a rule drops, and one that just passes."""

    dropped: str
    passes: str


def words(count: int, start: int = 0) -> str:
    """Different words of four letters."""
    return " ".join(f"w{number:03}" for number in range(start, start + count))


def lines(repeated: int, others: int, separator: str = "\n") -> str:
    """A line that stands there once and `repeated` times more, and so many others of its length."""
    return separator.join(
        ["The line that came: 00."] * (1 + repeated)
        + [f"The line that came: {n:02}." for n in range(1, others)]
    )


def ngrams(n: int, times: int, count: int) -> str:
    """`count` words, of which `n` in a row come so many times, with others between."""
    others = iter(range(count))
    block = " ".join(f"b{number:03}" for number in range(n))
    parts = [f"{block} w{next(others):03}" for _ in range(times)]
    return " ".join([*parts, words(count - times * (n + 1), start=times)])


PUBLISHED = {
    "gopher_few_words": Case(words(49), words(50)),
    "gopher_many_words": Case("word " * 100_001, "word " * 100_000),
    "gopher_short_words": Case("ab abc " * 40, "abc abc " * 40),
    "gopher_long_words": Case("tenletters elevenlette " * 40, "tenletters tenletters " * 40),
    "gopher_symbols": Case(words(89) + " #tag" * 10, words(90) + " #tag" * 10),
    "gopher_few_letters": Case("word word word 1234 – " * 20, "word word word word 1234 – " * 20),
    "gopher_stop_words": Case("The boats, the nets, the theory.", "The boats of others."),
    "gopher_bullets": Case("- one\n" * 10, "- one\n" * 9 + "two"),
    "gopher_ellipses": Case("so …\n" * 4 + "no\n" * 6, "so...\n" * 3 + "no\n" * 7),
    "gopher_repeated_lines": Case(lines(31, 69), lines(30, 70)),
    "gopher_repeated_line_chars": Case(lines(21, 79), lines(20, 80)),
    "gopher_repeated_paragraphs": Case(lines(31, 69, "\n\n"), lines(30, 70, "\n\n")),
    "gopher_repeated_paragraph_chars": Case(lines(21, 79, "\n\n"), lines(20, 80, "\n\n")),
    "gopher_top_2_gram": Case(ngrams(2, 10, 99), ngrams(2, 10, 100)),
    "gopher_top_3_gram": Case(ngrams(3, 10, 166), ngrams(3, 10, 167)),
    "gopher_top_4_gram": Case(ngrams(4, 10, 249), ngrams(4, 10, 250)),
    "gopher_repeated_5_grams": Case(ngrams(5, 2, 33), ngrams(5, 2, 34)),
    "gopher_repeated_6_grams": Case(ngrams(6, 2, 42), ngrams(6, 2, 43)),
    "gopher_repeated_7_grams": Case(ngrams(7, 2, 53), ngrams(7, 2, 54)),
    "gopher_repeated_8_grams": Case(ngrams(8, 2, 66), ngrams(8, 2, 67)),
    "gopher_repeated_9_grams": Case(ngrams(9, 2, 81), ngrams(9, 2, 82)),
    "gopher_repeated_10_grams": Case(ngrams(10, 2, 99), ngrams(10, 2, 100)),
    "c4_lorem_ipsum": Case("Lorem ipsum dolor sit amet.", "Lorem, ipsum."),
    "c4_curly_bracket": Case("if (a) { b; }", "if (a) [ b; ]"),
    "c4_few_sentences": Case("It is so. 3.5 m, or 4? Well", "It is so. 3.5 m, or 4? “Yes.”"),
    "fineweb_sentence_ends": Case("One.\n" * 12 + "Two\n" * 88, "One.\n" * 13 + "Two\n" * 87),
    "fineweb_repeated_lines": Case(lines(10, 90), lines(9, 91)),
    "fineweb_short_lines": Case(
        "x" * 30 + "\n" + "y\n" * 66 + f"{'z' * 31}\n" * 33, "y\n" * 66 + f"{'z' * 31}\n" * 34
    ),
}
"""By reason, at the thresholds that the papers give."""
OURS = {
    "invalid_utf8": ({"max_invalid_ratio": 0.001}, PROSE),
    "too_short": ({"min_chars": len(PROSE) + 1}, PROSE),
    "too_long": ({"max_chars": len(PROSE) - 1}, PROSE),
    "symbols": ({"max_symbol_ratio": 0.3}, "☃★✈ → ⇒ ☂☄ fine " * 10),
    "few_letters": ({"min_alpha_ratio": 0.5}, "1234 5678, 90 (12.5) ab " * 10),
    "too_few_words": ({"min_words": 100}, PROSE),
    "long_words": (
        {"max_mean_word_length": 20},
        "https://example.org/a/very/long/address?with=query&and=more " * 5,
    ),
    "repeated_lines": ({"max_repeated_line_ratio": 0.3}, "Read more about this topic.\n" * 10 + PROSE),
    "bullets": (
        {"max_bullet_line_ratio": 0.9},
        "\n".join(f"- item {number} of the list" for number in range(30)),
    ),
    "ellipses": (
        {"max_ellipsis_line_ratio": 0.3},
        "\n".join(f"The beginning of story {number} …" for number in range(10)),
    ),
}


def preset(name: str) -> FilterConfig:
    settings = yaml.safe_load((ROOT / "conf" / "clean" / f"{name}.yaml").read_text(encoding="utf-8"))
    return CleanConfig(**settings).filters


def only(option: str) -> FilterConfig:
    """All rules off but one, which has its published threshold."""
    group, _, name = option.partition(".")
    section = next(c for c in get_args(FilterConfig.model_fields[group].annotation) if c is not type(None))
    optional = {
        f: field.default for f, field in section.model_fields.items() if f not in (name, "short_line_chars")
    }
    off = {f: False if isinstance(default, bool) else None for f, default in optional.items()}
    return NO_FILTERS.model_copy(update={group: section(**off)})


@pytest.mark.parametrize("reason", PUBLISHED)
def test_a_published_rule_drops_at_its_threshold(reason: str) -> None:
    document_filter = DocumentFilter(only(options()[reason]))
    assert document_filter.reason(Features(PUBLISHED[reason].dropped)) == reason
    assert document_filter.reason(Features(PUBLISHED[reason].passes)) is None


@pytest.mark.parametrize("reason", OURS)
def test_a_rule_of_our_own_drops_for_its_reason_and_only_where_it_is_on(reason: str) -> None:
    settings, text = OURS[reason]
    features = Features(text, invalid=5)
    assert DocumentFilter(NO_FILTERS.model_copy(update=settings)).reason(features) == reason
    assert DocumentFilter(NO_FILTERS).reason(features) is None


def test_every_reason_has_a_test_and_every_setting_a_rule() -> None:
    learned = {"low_quality"}  # in test_quality_filter.py
    assert {*PUBLISHED, *OURS, *learned} == {rule.reason for rule in rules()}
    assert len(rules()) == len({rule.option for rule in rules()})
    groups = {kind.name: kind for kind in filter_sets()}
    settings = {f"{group}.{name}" for group, section in groups.items() for name in section.model_fields}
    of_lines = {
        f"c4.{name}"
        for name in ("terminal_punctuation", "min_line_words", "javascript_lines", "policy_lines")
    }
    of_others = {
        "fineweb.short_line_chars",
        "stub_words",
        "list_ratio",
        "min_language_score",
        "quality.good",
        "quality.bad",
    }
    assert {*settings, *FilterConfig.model_fields} - {*groups} - of_lines - of_others == set(
        options().values()
    )


def test_c4_takes_lines_out_and_leaves_the_others_as_they_are() -> None:
    text = "\n".join(
        (
            "The harbour",
            "",
            "  Nobody had slept much, and the nets were wet.",
            "Enable JavaScript to see the boats.",
            "Read more ...",
            "",
            "This one is short.",
            "",
            "We use cookies on this site.",
            'He said: "The catch is good."',
        )
    )
    kept = '  Nobody had slept much, and the nets were wet.\n\nHe said: "The catch is good."'
    assert DocumentFilter(FilterConfig(c4={})).take_out_lines(text) == kept
    assert DocumentFilter(FilterConfig()).take_out_lines(text) == text
    all_lines = {
        "terminal_punctuation": False,
        "min_line_words": None,
        "javascript_lines": False,
        "policy_lines": False,
    }
    assert DocumentFilter(FilterConfig(c4=all_lines)).take_out_lines(text).split() == text.split()


def test_c4_counts_characters_where_there_are_no_spaces() -> None:
    assert DocumentFilter(FilterConfig(c4={})).take_out_lines("港口很安静。\n标题") == "港口很安静。"


@pytest.mark.parametrize(
    "text", [PROSE * 2, CHINESE, HINDI, VERSE], ids=["English", "Chinese", "Hindi", "verse"]
)
def test_the_defaults_keep_prose_of_any_script(text: str) -> None:
    assert DocumentFilter(FilterConfig()).reason(Features(text)) is None


SCRIPTS = {
    "Armenian": "Նավահանգիստը հանգիստ էր, երբ առաջին նավակները ներս մտան, և ոչ ոք շատ չէր քնել։",
    "Urdu": "جب پہلی کشتیاں اندر آئیں تو بندرگاہ خاموش تھی اور کوئی زیادہ نہیں سویا تھا۔",
    "Amharic": "የመጀመሪያዎቹ ጀልባዎች ሲገቡ ወደቡ ጸጥ ብሎ ነበር ማንም ብዙ አልተኛም።",
    "Burmese": "ပထမဆုံးလှေများ ဝင်လာသောအခါ ဆိပ်ကမ်းသည် တိတ်ဆိတ်နေပြီး မည်သူမျှ များများ မအိပ်ခဲ့ကြပါ။",
    "Khmer": "កំពង់ផែស្ងប់ស្ងាត់ពេលដែលទូកដំបូងចូលមក ហើយគ្មាននរណាម្នាក់គេងបានច្រើនទេ។",
    "Thai": "ท่าเรือเงียบสงบเมื่อเรือลำแรกเข้ามา และไม่มีใครได้นอนหลับมากนัก",
    "Tibetan": "གྲུ་ཁའི་ནང་ལ་ཁུ་སིམ་པོར་གནས་ཡོད། གྲུ་དང་པོ་དེ་ཚོ་འབྱོར་སྐབས་སུས་ཀྱང་གཉིད་མང་པོ་ཁུག་མེད།",
    "Hindi": "जब पहली नावें आईं तो बंदरगाह शांत था और कोई भी ज़्यादा नहीं सोया था।",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_prose_of_any_script_has_words_and_sentences(script: str) -> None:
    text = "\n".join(f"{number}\u00a0{SCRIPTS[script]}" for number in range(20))
    config = FilterConfig(stubs="drop", c4={}, fineweb={})
    document_filter = DocumentFilter(config)
    assert document_filter.take_out_lines(text) == text
    assert document_filter.reason(Features(text), document_kind(text, "", config)) is None


@pytest.mark.parametrize("wiki", ["de", "ja", "zh", "simple"])
def test_the_preset_for_encyclopedias_keeps_articles_of_any_language(wiki: str, wiki_articles) -> None:
    document_filter = DocumentFilter(preset("encyclopedia"))
    for title, text in wiki_articles(f"{wiki}.mini.xml.bz2"):
        assert document_filter.reason(Features(text), document_kind(text, title, FilterConfig())) is None, (
            title
        )


def test_what_the_presets_drop_of_a_real_wikipedia(wiki_articles) -> None:
    articles = wiki_articles("enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2")
    dropped = {}
    for name in ("encyclopedia", "web", "keep_all"):
        config = preset(name)
        document_filter = DocumentFilter(config)
        for title, text in articles:
            kind = document_kind(text, title, config)
            if reason := document_filter.reason(Features(document_filter.take_out_lines(text)), kind):
                dropped.setdefault(name, {})[title] = reason
    assert dropped["encyclopedia"] == {"List of anthropologists": "bullets", "Algorithms (journal)": "stub"}
    assert dropped["web"] == {
        "ASCII": "c4_curly_bracket",
        "Allan Dwan": "fineweb_sentence_ends",  # a filmography
        "List of anthropologists": "bullets",
    }
    assert "keep_all" not in dropped


def test_thresholds_are_inclusive_bounds_of_what_is_kept() -> None:
    features = Features("a" * 200)
    only_sizes = NO_FILTERS.model_copy(update={"min_chars": 200, "max_chars": 200, "min_words": 1})
    assert DocumentFilter(only_sizes).reason(features) is None


def test_words_are_counted_as_published_across_slices() -> None:
    text = "one two\u3000three\n\n" * 50_000
    assert Features(text).counts().words == len(text.split()) == 150_000
    assert Features("x" * 600_000).counts().words == 1
    assert Features("A film by 黒澤 .").counts().words == 5
    assert Features("猫坐在垫子上。好").counts().words == 7
    assert Features("").counts().words == Features(" \n ").counts().words == 0
    assert Features("word 12 – " * 50_000).alpha_words == 0.5
