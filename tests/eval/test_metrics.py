"""Scores against values that others publish or that follow by hand."""

import json
from itertools import pairwise

import numpy as np
import pytest
import sacrebleu
from pydantic import ValidationError
from rouge_score.rouge_scorer import RougeScorer
from torchmetrics.functional.text import squad

from eval.metrics import score_texts
from eval.metrics.rouge import FIGURES
from eval.results import Bootstrap
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.label_scores import classification_results
from pipeline.config.evaluation import METRICS, EvaluateConfig

BOOTSTRAP = Bootstrap(200, 0.95, 1)
PREDICTIONS = [
    "the cat sat on the mat .",
    "a dog ran home",
    "it rains in the north today",
    "no",
    "we went out",
    "she reads a book",
]
REFERENCES = [
    ["the cat sat on a mat .", "a cat was sitting on the mat ."],
    ["the dog ran home quickly"],
    ["today it rains in the north", "it is raining up north today", "rain in the north"],
    ["yes"],
    ["we went out at night"],
    ["she reads the book"],
]


ROUGE_TYPES = list(FIGURES)


def scored(*metrics, predictions=PREDICTIONS, references=REFERENCES, bootstrap=BOOTSTRAP, **settings):
    texts = GeneratedTexts(predictions, references, bootstrap, "decoding:greedy")
    return score_texts(texts, EvaluateConfig(metrics=metrics, **settings))


def test_bleu_and_chrf_are_sacrebleus():
    streams = [[row[i] if i < len(row) else None for row in REFERENCES] for i in range(3)]
    bleu, chrf = scored("bleu", "chrf")
    assert bleu.value == pytest.approx(sacrebleu.metrics.BLEU().corpus_score(PREDICTIONS, streams).score)
    assert chrf.value == pytest.approx(sacrebleu.metrics.CHRF().corpus_score(PREDICTIONS, streams).score)
    assert bleu.signature.startswith("nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert "nc:6|nw:0" in chrf.signature
    for result in (bleu, chrf):
        assert result.signature.endswith("|decoding:greedy|bs:200|ci:0.95|seed:1")
        assert result.low < result.value < result.high
        assert result.n == 6


def test_chinese_bleu_takes_characters():
    def bleu(tokenize):
        texts = {"predictions": ["我喜欢语言模型"], "references": [["我很喜欢语言模型"]]}
        return scored("bleu", bleu_tokenize=tokenize, **texts)[0]

    assert bleu("zh").value == pytest.approx(
        sacrebleu.corpus_bleu(["我喜欢语言模型"], [["我很喜欢语言模型"]], tokenize="zh").score
    )
    assert bleu("auto") == bleu("zh")
    assert bleu("zh").value > 50
    assert bleu("13a").value == 0


@pytest.mark.parametrize(
    ("reference", "tokenizer"),
    [
        ("我喜欢语言模型, GPT", "zh"),
        ("これは言語モデルの出力です", "char"),
        ("แมวนั่งอยู่บนเสื่อ", "char"),
        ("고양이가 매트 위에 있다", "13a"),
        ("The 猫 sat on the mat", "13a"),
    ],
)
def test_bleu_splits_what_has_no_spaces(reference, tokenizer):
    (bleu,) = scored("bleu", predictions=[reference], references=[[reference]])
    assert f"|tok:{tokenizer}|" in bleu.signature
    assert bleu.value == pytest.approx(100)


IDENTICAL = [
    "Это хорошая кошка.",
    "Η γάτα κάθεται",
    "고양이가 매트 위에 있다",
    "猫坐在垫子上",
    "बिल्ली चटाई पर बैठी है।",
    "القطة تجلس على الحصيرة",
    "แมวนั่งอยู่บนเสื่อ",
]


@pytest.mark.parametrize("text", IDENTICAL)
def test_what_is_identical_scores_100_in_every_script(text):
    results = scored("rouge", "exact_match", "f1", predictions=[text], references=[[text]])
    assert [result.value for result in results] == pytest.approx([100] * 6)


def rouge1(prediction, reference):
    return scored("rouge", predictions=[prediction], references=[[reference]])[0].value


def test_rouge_has_the_words_of_every_script():
    # Tokens 我 喜 欢 gpu 模 型 and 我 用 gpu 模 型: four in common, of 6 and 5.
    assert rouge1("我喜欢GPU模型。", "我用GPU模型") == pytest.approx(100 * 2 * 4 / (6 + 5))
    # ね こ は …, い ぬ は …: 9 of 11.
    assert rouge1("ねこはマットのうえです", "いぬはマットのうえです") == pytest.approx(100 * 9 / 11)
    assert rouge1("Für die Öl", "Fur die Ol") == pytest.approx(100 / 3)
    # A vowel sign is no end of a word: बिल्ली and बल्ला share none.
    assert rouge1("बिल्ली", "बल्ला") == 0
    assert rouge1("CAFE\u0301 می\u200cشود", "café میشود") == pytest.approx(100)
    assert "stem:porter|tok:words of all scripts|" in scored("rouge")[0].signature


def test_english_rouge_is_rouge_scores(shared_data):
    lines = (shared_data("rouge-refs") / "target.txt").read_text().splitlines()
    lines += ["He's \u201crunning\u201d \u2013 we don\u2019t. Cats' 1,250 tails!"]
    package = RougeScorer(ROUGE_TYPES, use_stemmer=True)
    for prediction, reference in pairwise(lines):
        values = {
            result.name: result.value
            for result in scored("rouge", predictions=[prediction], references=[[reference]])
        }
        expected = package.score(reference, prediction)
        assert values == pytest.approx({name: 100 * expected[name].fmeasure for name in ROUGE_TYPES})


def test_rouge_takes_the_best_reference():
    results = scored("rouge", predictions=["b c"], references=[["x y", "b c d", "b"]])
    values = {result.name: result.value for result in results}
    assert list(values) == list(ROUGE_TYPES)
    assert values["rouge1"] == pytest.approx(100 * 0.8)
    assert values["rouge2"] == pytest.approx(100 * 2 / 3)


def test_rouge_equals_the_perl_scores(shared_data):
    folder = shared_data("rouge-refs")
    expected = json.loads((folder / "expected.json").read_text())
    predictions = (folder / "prediction.txt").read_text().splitlines()
    targets = (folder / "target.txt").read_text().splitlines()
    for line in (0, 1):
        perl = expected[f"target.txt line{line} vs prediction.txt line{line}"]
        ours = {
            r.name: r.value / 100
            for r in scored("rouge", predictions=[predictions[line]], references=[[targets[line]]])
        }
        for name in ("rouge1", "rouge2"):
            assert ours[name] == pytest.approx(perl[f"{name}_stem"][2], abs=1e-5)
        # The reference has ROUGE-L without stemming only: the library itself, at the same setting.
        plain = RougeScorer(["rougeL"]).score(targets[line], predictions[line])["rougeL"]
        assert plain.fmeasure == pytest.approx(perl["rougeL"][2], abs=1e-5)
    multi = scored(
        "rouge",
        predictions=[(folder / "prediction_multi.0.txt").read_text()],
        references=[[(folder / "target_multi.0.txt").read_text()]],
    )
    perl = expected["target_multi.0.txt vs prediction_multi.0.txt"]["rougeLsum_stem"]
    assert {r.name: r.value / 100 for r in multi}["rougeLsum"] == pytest.approx(perl[2], abs=1e-5)


def test_exact_match_and_f1_are_squads():
    results = scored(
        "exact_match",
        "f1",
        predictions=["The Eiffel Tower!", "in 1889", "Paris"],
        references=[["eiffel tower"], ["1889", "the year 1889"], ["Lyon"]],
    )
    values = {result.name: result.value for result in results}
    assert values["exact_match"] == pytest.approx(100 / 3)
    assert values["f1"] == pytest.approx(100 * (1 + 2 / 3 + 0) / 3)


def test_exact_match_and_f1_equal_the_published_script():
    """torchmetrics has the script of SQuAD 1.1, normalization and all, as it was published."""
    words = [
        "The",
        "a",
        "an",
        "Tower",
        "tower,",
        "of",
        "1889",
        "the-Eiffel",
        "U.S.",
        "(Paris)",
        "!",
        "don't",
        "x",
    ]
    drawn = np.random.default_rng(0)

    def text(most: int) -> str:
        return "  ".join(drawn.choice(words, drawn.integers(0, most)))

    predictions = [text(6) for _ in range(300)]
    references = [[text(5) or "x" for _ in range(drawn.integers(1, 4))] for _ in predictions]
    theirs = squad(
        [{"prediction_text": given, "id": str(number)} for number, given in enumerate(predictions)],
        [
            {"answers": {"answer_start": [0] * len(right), "text": right}, "id": str(number)}
            for number, right in enumerate(references)
        ],
    )
    ours = {
        r.name: r.value for r in scored("exact_match", "f1", predictions=predictions, references=references)
    }
    assert ours == pytest.approx({name: value.item() for name, value in theirs.items()}, abs=1e-4)


def test_exact_match_and_f1_see_words_of_every_script():
    values = {
        result.name: result.value
        for result in scored(
            "exact_match",
            "f1",
            predictions=["«Кошка!»", "猫坐在垫子上。", "बिल्ली बैठी है।"],
            references=[["кошка"], ["猫在垫子上"], ["बिल्ली है"]],
        )
    }
    assert values["exact_match"] == pytest.approx(100 / 3)
    assert values["f1"] == pytest.approx(100 * (1 + 10 / 11 + 4 / 5) / 3)


def test_the_config_chooses():
    names = [result.name for result in scored("rouge", "exact_match", bootstrap=Bootstrap(0, 0.95, 1))]
    assert names == ["rouge1", "rouge2", "rougeL", "rougeLsum", "exact_match"]


def test_every_metric_says_how_it_is_shown_and_an_unknown_one_is_told():
    for name in set(METRICS.names()) - {"bertscore"}:  # which needs a model
        for result in scored(name):
            assert result.title
    with pytest.raises(ValidationError, match=r"known: bertscore, bleu, cer, chrf, "):
        EvaluateConfig(metrics=["blue"])


def test_empty_predictions_are_scored_not_refused():
    results = scored("bleu", "chrf", "rouge", predictions=["", ""], references=[["a b"], ["c"]])
    assert {result.name: result.value for result in results} == pytest.approx(
        {"bleu": 0, "chrf": 0, "rouge1": 0, "rouge2": 0, "rougeL": 0, "rougeLsum": 0}
    )


def test_accuracy_and_macro_f1_by_hand():
    expected = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 1, 0, 2])
    accuracy, f1, *_ = classification_results("finetune", predicted, expected, ["a", "b", "c"], BOOTSTRAP)
    assert accuracy.value == pytest.approx(75)
    # F1 of a: P 3/4, R 3/4; b: P 2/3, R 1; c: P 1, R 1/2.
    assert f1.value == pytest.approx(100 * (0.75 + 0.8 + 2 / 3) / 3)
    assert "average:macro|labels:3" in f1.signature
    assert accuracy.low < 75 < accuracy.high
