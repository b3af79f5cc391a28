"""Evaluation text in a corpus is found, whatever became of it, and nothing else is."""

import json
import pickle
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from data_prep.contamination.evaluation_texts import read_evaluation_texts
from data_prep.contamination.index import MOST_TEXTS, EvaluationIndex, EvaluationText, build_index
from data_prep.contamination.masking import mask
from data_prep.contamination.report import ContaminationReport
from data_prep.reading.wikitext_detokenizer import detokenize
from pipeline.config.benchmarks import BenchmarkItems
from pipeline.config.clean import ContaminationConfig
from pipeline.errors import UserError
from pipeline.formats.benchmark_items import read_compared
from tests.data_prep.cleaning import PROSE
from tests.eval.benchmark_files import CHOICE, write_task

QUOTATION = "We hold these truths to be self-evident, that all men are created equal"
ENWIKI = "wikidump/enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"


def numbered(first: int, count: int) -> str:
    """Words that stand nowhere else."""
    return " ".join(f"word{number}" for number in range(first, first + count))


@pytest.fixture
def index(tmp_path) -> Callable[..., EvaluationIndex]:
    def build(texts: Iterable[EvaluationText | str], **config) -> EvaluationIndex:
        named = [text if isinstance(text, EvaluationText) else EvaluationText(f"text {number}", text)
                 for number, text in enumerate(texts)]  # fmt: skip
        build_index(named, ContaminationConfig(**config), tmp_path / "index")
        return EvaluationIndex(tmp_path / "index")

    return build


@pytest.fixture
def articles(clean_corpus, shared_data, tmp_path) -> Callable[[str], dict[str, str]]:
    """The articles of a real dump, as the clean stage leaves them."""

    def read(dump: str) -> dict[str, str]:
        folder = tmp_path / Path(dump).name
        cleaned = clean_corpus(
            folder, "mediawiki", [shared_data(dump)], validation_fraction=0, test_fraction=0
        )
        return {document.title: document.text for document in cleaned.documents}

    return read


def planted(text: str, host: str, number: int) -> str:
    """What may have become of an article: one of four things, in turn."""
    paragraphs = text.split("\n\n")
    match number % 4:
        case 0:
            return text
        case 1:
            return "\n\n".join(paragraphs[: max(4, len(paragraphs) // 4)])
        case 2:
            random.Random(number).shuffle(paragraphs)
            return "\n\n".join(paragraphs)
        case _:
            own = host.split("\n\n")
            return "\n\n".join([*own[:5], *paragraphs[:6], *own[5:]])


def test_wikitext_in_a_wikipedia_is_found_and_nothing_else(index, articles, shared_data) -> None:
    texts = list(read_evaluation_texts(shared_data("wikitext-2/wiki.test.tokens")))
    found = pickle.loads(pickle.dumps(index(texts)))  # noqa: S301
    clean = articles(ENWIKI)
    assert len(clean) > 90
    assert [title for title, text in clean.items() if found.check(text)] == []
    hosts = [text for text in clean.values() if len(text) > 10_000]
    assert len(texts) == 60
    for number, text in enumerate(texts):
        host = hosts[number % len(hosts)]
        document = planted(detokenize(text.text), host, number)
        overlap = found.check(document)
        assert overlap is not None, text.name
        assert overlap.matches[0].name == text.name
        if number % 4 == 0:
            assert overlap.matches[0].share == 1
        assert overlap.matches[0].excerpt == document[slice(*overlap.spans[0])][:200]
        rest = mask(document, overlap.spans)
        assert found.check(rest) is None
        if number % 4 == 3:  # the article that it stands in stays
            assert all(paragraph in rest for paragraph in host.split("\n\n"))


def test_abstracts_of_a_test_set_are_found(index, articles, shared_data) -> None:
    path = shared_data("scitldr/SciTLDR-A.test.jsonl")
    found = index(read_evaluation_texts(path))
    clean = list(articles(ENWIKI).values())
    assert not any(found.check(text) for text in clean)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][:100]
    for number, row in enumerate(rows, 1):
        abstract = "\n".join(row["source"]).upper()
        overlap = found.check(clean[0][:3000] + "\n\n" + abstract)
        assert f"SciTLDR-A.test.jsonl: row {number}, source" in [match.name for match in overlap.matches]
        assert overlap.spans[0][0] >= 3000


def test_chinese_is_found_by_characters(index, articles, shared_data) -> None:
    path = shared_data("instruct/belle_eval_set.json")
    found = index(read_evaluation_texts(path))
    (text,) = articles("wikidump/zh.mini.xml.bz2").values()
    assert found.check(text) is None
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    long = [row["question"] for row in rows if sum("一" <= c <= "鿿" for c in row["question"]) >= 40]
    assert len(long) > 100
    for question in long:
        # Other punctuation and line breaks, in another text.
        overlap = found.check(text[:500] + "\n\n" + question.replace("，", "、\n") + "\n\n" + text[500:])
        assert overlap is not None, question
        assert overlap.spans[0][0] >= 500


def test_a_name_of_many_characters_is_no_passage(index) -> None:
    name = "中华人民共和国全国人民代表大会常务委员会"
    found = index([f"他在{name}工作多年，后来回到家乡教书，写了三本关于河流、桥梁与渡船的书，至今仍有人读。"])
    assert (
        found.check(f"会议由{name}召集，讨论了预算、交通与教育的问题，没有作出决定，下个月将继续举行。")
        is None
    )


def test_one_common_quotation_is_no_alarm(index) -> None:
    found = index([f"{numbered(0, 300)} {QUOTATION} {numbered(300, 300)}"])
    assert found.check(f"{numbered(1000, 50)} {QUOTATION}, he said. {numbered(1100, 50)}") is None


def test_a_passage_of_22_words_is_an_alarm_and_21_are_not(index) -> None:
    found = index([numbered(0, 500)])
    assert found.check(f"start {numbered(100, 21)} end") is None
    overlap = found.check(f"start {numbered(100, 22)} end")
    assert [(match.ngrams, match.name) for match in overlap.matches] == [(10, "text 0")]
    assert overlap.spans == ((6, 6 + len(numbered(100, 22))),)


def test_of_a_short_text_more_than_half_must_be_there(index) -> None:
    found = index([numbered(0, 18)])  # six n-grams
    assert found.check(f"start {numbered(0, 15)} end") is None
    assert found.check(f"start {numbered(0, 16)} end").matches[0].share == pytest.approx(4 / 6)


def test_repeating_a_phrase_does_not_make_it_a_passage(index) -> None:
    found = index([f"{numbered(0, 100)} {QUOTATION} {numbered(100, 100)}"])
    assert found.check(" and ".join([QUOTATION] * 30)) is None


def test_words_that_wikitext_does_not_know_match_nothing(index) -> None:
    unknown = " ".join(["<unk>"] * 60)
    found = index([f"{numbered(0, 40)} {unknown} {numbered(40, 40)}"])
    assert found.check(f"other {unknown} words") is None
    assert len(found.check(numbered(0, 80)).spans) == 2, "what stands on both sides of them still does"


def test_what_stands_in_many_evaluation_texts_is_boilerplate(index) -> None:
    template = numbered(0, 60)
    rows = [f"{template} {numbered(1000 * n, 40)}" for n in range(1, MOST_TEXTS + 2)]
    found = index(rows)
    assert found.check(f"{template} {numbered(90_000, 40)}") is None
    (match,) = found.check(f"{template} {numbered(3000, 40)}").matches
    assert match.name == "text 2"
    # A passage that many questions are about is one text, many times.
    assert index([template] * 50).check(template).matches[0].share == 1


def test_without_texts_nothing_is_found(index) -> None:
    assert index([]).check(QUOTATION) is None
    assert index(["too short"]).check("too short " * 50) is None


def test_each_field_of_a_row_is_a_text(tmp_path) -> None:
    rows = [{"messages": [{"role": "user", "content": "Q"}], "target": ["One.", "Two."], "n": 3}]
    (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]))
    assert list(read_evaluation_texts(tmp_path / "a.jsonl")) == [
        EvaluationText("a.jsonl: row 1, messages", "user"),
        EvaluationText("a.jsonl: row 1, messages", "Q"),
        EvaluationText("a.jsonl: row 1, target", "One. Two."),
    ]


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("a.csv", 'prompt,response\n"a,b",c\n', ["row 1, 1", "row 1, 2", "row 2, 1", "row 2, 2"]),
        ("a.tsv", "a\tb\n", ["row 1, 1", "row 1, 2"]),
        ("a.txt", "Hi.\tHallo.\n", ["row 1, 1", "row 1, 2"]),
        ("a.txt", "Some words\nof text.\n\nMore.", ["Some words of text.", "More."]),
        ("a.txt", " \n = One = \n \n Text . \n", ["= One ="]),
    ],
)
def test_files_of_all_formats_are_read(tmp_path, name, content, names) -> None:
    (tmp_path / name).write_text(content)
    texts = read_evaluation_texts(tmp_path / name)
    assert [text.name for text in texts] == [f"{name}: {rest}" for rest in names]


def test_a_file_of_another_kind_is_refused(tmp_path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(UserError, match=r"not \.pdf"):
        list(read_evaluation_texts(tmp_path / "a.pdf"))


def test_masking_takes_out_the_paragraphs_that_hold_evaluation_text() -> None:
    paragraphs = ["    A heading", numbered(0, 30), numbered(30, 9) + "\nand a second line", numbered(60, 30)]
    text = "\n\n".join(paragraphs).replace("line\n\n", "line\n \n\n")
    places = [(text.index(paragraph), text.index(paragraph) + len(paragraph)) for paragraph in paragraphs]

    def left(*spans: tuple[int, int]) -> list[int]:
        rest = mask(text, spans)
        numbers = [number for number, paragraph in enumerate(paragraphs) if paragraph in rest]
        assert rest == "\n\n".join(paragraphs[number] for number in numbers)
        return numbers

    assert left() == [0, 1, 2, 3]
    assert left(places[1]) == [0, 2, 3]
    middle = places[1][0] + 40
    assert left((middle, middle + 80)) == [0, 2, 3], "what surrounds a passage goes with it"
    assert left(places[0], (places[2][0] + 5, places[2][0] + 50), places[3]) == [1]
    assert left((places[1][0] + 50, places[2][0] + 10)) == [0, 2, 3], "one that it only reaches into stays"
    assert left((0, places[0][1] - 2)) == [1, 2, 3], "but for a short one that it covers"
    assert left((0, len(text))) == []


def test_the_report_shows_the_texts_that_most_documents_hold(index) -> None:
    found = index([numbered(0, 100), numbered(500, 100)])
    report = ContaminationReport()
    for length in (30, 60, 40, 50, 100):
        report.add(f"document {length}", found.check(numbered(0, length)))
    report.add("both", found.check(f"{numbered(0, 25)} and {numbered(500, 100)}"))
    first, second = report.rows()
    assert report.documents == 6
    assert (first["text"], first["documents"], second["documents"]) == ("text 0", 6, 1)
    assert [row["document"] for row in first["examples"]] == ["document 100", "document 60", "document 50"]
    assert first["examples"][0]["share"] == 1
    assert second["examples"][0]["excerpt"].startswith("word500 word501")
    assert json.loads(json.dumps(report.rows())) == report.rows()


@pytest.mark.parametrize("action", ["report", "drop"])
def test_items_of_benchmarks_that_stand_in_the_corpus(action: str, clean_corpus, tmp_path) -> None:
    """Known by their numbers whatever becomes of the document: with equal ones, and those that are too short apart."""
    asked = [numbered(100 * number, 30) for number in range(5)]
    asked[3], asked[4] = asked[1], "too short"
    items = [
        {"question": each, "choices": [numbered(9000 + n, 1), "no"], "answer": 0}
        for n, each in enumerate(asked)
    ]
    items[3]["choices"] = items[1]["choices"]
    task = write_task(tmp_path, "toy_choice", items, CHOICE)
    documents = [
        f"{PROSE} {asked[1]} {PROSE}",
        f"{PROSE} {numbered(7000, 40)}",
        f"{numbered(8000, 40)} {PROSE}",
    ]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    cleaned = clean_corpus(
        tmp_path / action, "jsonl", [corpus], benchmarks=[BenchmarkItems(task=task)],
        contamination={"action": action}, validation_fraction=0, test_fraction=0,
    )  # fmt: skip
    assert read_compared(cleaned.folder) == {
        "toy_choice": {"items": 5, "contaminated": [1, 3], "too_short": [4]}
    }
    assert len(cleaned.documents) == (3 if action == "report" else 2)


def test_a_passage_that_many_items_ask_about_is_no_boilerplate(index) -> None:
    """As of reading comprehension; what a twentieth of all items have in common is."""
    passage, template = numbered(50_000, 40), numbered(60_000, 40)
    asked = [
        EvaluationText(f"a: item {n}", f"{passage} {numbered(50 * n, 20)}", True)
        for n in range(MOST_TEXTS + 2)
    ]
    others = [
        EvaluationText(f"b: item {n}", f"{template} {numbered(20_000 + 50 * n, 20)}", True)
        for n in range(300)
    ]
    built = index([*asked, *others])
    found = built.check(passage)
    assert found is not None
    assert {match.name for match in found.matches} == {text.name for text in asked}
    assert built.check(template) is None
    assert index(asked[:11]).check(passage) is None  # eleven of eleven
