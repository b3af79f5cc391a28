"""Languages are told apart, with nothing but the wheel's own model; odd input is no error."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from data_prep.filters import DocumentFilter
from data_prep.text.language import detect_language
from data_prep.text.text_features import Features
from pipeline.config.filters import FilterConfig
from pipeline.errors import UserError

SENTENCES = {
    "en": "The harbour was quiet when the first boats came in, and nobody had slept much.",
    "de": "Der Hafen war still, als die ersten Boote einliefen, und niemand hatte viel geschlafen.",
    "fr": "Le port était calme quand les premiers bateaux sont arrivés, et personne n'avait beaucoup dormi.",
    "es": "El puerto estaba tranquilo cuando llegaron los primeros barcos y nadie había dormido mucho.",
    "ru": "В гавани было тихо, когда пришли первые лодки, и никто почти не спал.",
    "ar": "كان الميناء هادئا عندما وصلت القوارب الأولى ولم ينم أحد كثيرا.",
    "hi": "जब पहली नावें आईं तो बंदरगाह शांत था और कोई भी ज़्यादा नहीं सोया था।",
    "ko": "첫 배가 들어왔을 때 항구는 조용했고 아무도 많이 자지 못했다.",
    "ja": "最初の船が入ってきたとき、港は静かで、誰もあまり眠っていませんでした。",
    "zh": "第一批船进来的时候，港口很安静，谁也没有睡好。",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_enough(code: str) -> None:
    found, probability = detect_language(SENTENCES[code])
    assert found == code
    assert 0.5 < probability <= 1


def test_vowel_signs_are_judged_with_their_letters() -> None:
    nepali = "सबै व्यक्तिहरू जन्मजात स्वतन्त्र हुन् ती सबैको समान अधिकार र महत्व छ।"
    code, probability = detect_language(nepali)
    assert code == "ne"  # in Devanagari as Hindi, Marathi and Sanskrit
    assert probability > 0.8


def test_capitals_and_line_ends_do_not_matter() -> None:
    assert detect_language(SENTENCES["de"].upper())[0] == "de"
    assert detect_language(SENTENCES["fr"].replace(" ", "\n"))[0] == "fr"


def test_the_middle_of_a_long_text_is_judged() -> None:
    title, references = "Le port: histoire d'un lieu. " * 10, "Retrieved from the archive, page 12. " * 10
    assert detect_language(title + SENTENCES["de"] * 10 + references)[0] == "de"


@pytest.mark.parametrize("text", ["", " \n", "12 345.67 – 89", "☃ … !?", "\ud800", "\0\0", "___"], ids=repr)
def test_where_there_are_no_letters_there_is_nothing_to_judge(text: str) -> None:
    assert detect_language(text) == ("und", 0.0)


@pytest.mark.parametrize(
    "text",
    ["a", "\ud800abc", "\0abc\r", "e\u0301" * 5000, "x" * 10**6, "汉" * 1000],
    ids=lambda t: repr(t[:6]),
)
def test_odd_input_is_no_error(text: str) -> None:
    code, probability = detect_language(text)
    assert code.isalpha()
    assert 0 <= probability <= 1


@pytest.mark.parametrize(
    ("wiki", "code"), [("de", "de"), ("ja", "ja"), ("zh", "zh"), ("en", "en"), ("simple", "en")]
)
def test_the_articles_of_a_wiki(wiki: str, code: str, wiki_articles) -> None:
    found = Counter(detect_language(text)[0] for _, text in wiki_articles(f"{wiki}.mini.xml.bz2"))
    assert found[code] >= 0.9 * found.total()


def test_sentence_pairs(shared_data) -> None:
    """Of sentences alone, as short as "Hi.", fewer are told right."""
    pairs = (shared_data("tatoeba-zh-en") / "cmn.txt").read_text(encoding="utf-8").splitlines()[::50]
    english, chinese = zip(*(pair.split("\t")[:2] for pair in pairs), strict=True)
    assert sum(detect_language(text)[0] == "en" for text in english) > 0.9 * len(pairs)
    assert sum(detect_language(text)[0] == "zh" for text in chinese) > 0.9 * len(pairs)


def test_neither_network_nor_home_is_needed(tmp_path: Path) -> None:
    script = """
import os, socket, sys
def refuse(*_args, **_keywords): raise AssertionError("the network was asked")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from data_prep.text.language import detect_language
print(detect_language(sys.argv[1])[0], os.listdir(os.environ["HOME"]))
"""
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, SENTENCES["de"]],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["de", "[]"], done.stderr


def test_only_the_languages_that_are_asked_for_stay() -> None:
    config = FilterConfig(min_chars=None, languages=["de", "fr"], min_language_score=0.6)
    document_filter = DocumentFilter(config)
    features = Features(SENTENCES["de"])
    assert document_filter.reason(features, language=("de", 0.6)) is None
    assert document_filter.reason(features, language=("de", 0.59)) == "language"
    assert document_filter.reason(features, language=("en", 0.99)) == "language"
    assert document_filter.reason(features, language=("und", 0.0)) == "language"
    assert DocumentFilter(FilterConfig(min_chars=None)).reason(features, language=("en", 0.1)) is None


def test_a_language_that_cannot_be_detected_is_a_mistake_of_the_user() -> None:
    with pytest.raises(UserError, match=r"clean.filters.languages: jp is no language.*known are .*ja"):
        DocumentFilter(FilterConfig(languages=["jp", "en"]))
