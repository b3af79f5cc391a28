"""METEOR, TER, chrF++, error rates, BERTScore, diversity and CMRC's scores: against their packages and by hand."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import jiwer
import nltk
import numpy as np
import pytest
import sacrebleu
import torch
from nltk.corpus.reader import WordNetCorpusReader
from nltk.corpus.util import LazyCorpusLoader
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from transformers import BertConfig, BertModel, BertTokenizerFast

from eval.comparison.figures import Row
from eval.comparison.significance import Significance
from eval.metrics import check_metrics, score_texts
from eval.reporting.result_table import result_tables
from eval.results import Bootstrap
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import EvaluateConfig
from pipeline.errors import UserError
from pipeline.packages import check_packages

BOOTSTRAP = Bootstrap(50, 0.95, 1)
PREDICTIONS = [
    "the cat sat on the mat",
    "a dog ran home",
    "it rains in the north today",
    "no",
    "we went out",
    "she reads a book",
]
REFERENCES = [
    ["the cat sat on a mat", "a cat was sitting on the mat"],
    ["the dog ran home quickly"],
    ["today it rains in the north", "it is raining up north today", "rain in the north"],
    ["yes"],
    ["we went out at night"],
    ["she reads the book"],
]


def scored(*metrics, predictions=PREDICTIONS, references=REFERENCES, **settings):
    texts = GeneratedTexts(predictions, references, BOOTSTRAP, "decoding:greedy")
    return {result.name: result for result in score_texts(texts, EvaluateConfig(metrics=metrics, **settings))}


def value(metric, prediction, *references, **settings):
    return scored(metric, predictions=[prediction], references=[references], **settings)[metric].value


def test_ter_and_chrf_plus_plus_are_sacrebleus():
    streams = [[row[i] if i < len(row) else None for row in REFERENCES] for i in range(3)]
    found = scored("ter", "chrf_plus_plus")
    assert found["ter"].value == pytest.approx(
        sacrebleu.metrics.TER().corpus_score(PREDICTIONS, streams).score
    )
    package = sacrebleu.metrics.CHRF(word_order=2)
    assert found["chrf_plus_plus"].value == pytest.approx(package.corpus_score(PREDICTIONS, streams).score)
    assert "nw:2" in found["chrf_plus_plus"].signature
    assert found["ter"].better == "lower"
    assert found["ter"].low < found["ter"].value < found["ter"].high


@pytest.mark.parametrize(
    ("predictions", "references", "tokenize"),
    [
        (PREDICTIONS, REFERENCES, "13a"),
        (
            ["今天下雨", "他跑回家了，很快"] * 3,
            [["今天北方下雨"], ["他跑回家", "他很快地跑回家了"]] * 3,
            "zh",
        ),
        (["", "a b c d e f g"] * 3, [["a b"], ["a b"]] * 3, "13a"),
    ],
)
def test_the_length_ratio_is_sacrebleus(predictions, references, tokenize):
    most = max(map(len, references))
    streams = [[row[i] if i < len(row) else None for row in references] for i in range(most)]
    package = sacrebleu.metrics.BLEU(tokenize=tokenize).corpus_score(predictions, streams)
    found = scored("length_ratio", predictions=predictions, references=references)["length_ratio"]
    assert found.value == pytest.approx(100 * package.ratio)
    assert found.value == pytest.approx(100 * package.sys_len / package.ref_len)
    assert f"tok:{tokenize}" in found.signature
    assert found.low <= found.value <= found.high
    of_three = [replace(found, model=str(value), value=value) for value in (130.0, 95.0, 88.0)]
    ((row,),) = (table.rows for table in result_tables(of_three))
    assert (row.best, row.arrow) == (of_three[1], "→100")
    assert Row(of_three[0], of_three[2], Significance(-42, -50, -30, 0.01, 0.01)).better == "second"


@pytest.mark.parametrize(
    ("prediction", "reference", "rate"),
    [  # of sacrebleu's own tests
        ("aaaa bbbb cccc dddd", "aaaa bbbb cccc dddd", 0),
        ("dddd eeee ffff", "aaaa bbbb cccc", 1),
        ("", "a", 1),
        ("d e f g h a b c", "a b c d e f g h", 1 / 8),
    ],
)
def test_ter_of_published_cases(prediction, reference, rate):
    assert value("ter", prediction, reference) == pytest.approx(100 * rate)


def test_ter_and_wer_see_the_letters_of_chinese():
    assert value("ter", "我喜欢模型", "我喜欢语言模型") == pytest.approx(100 * 2 / 7)
    assert value("wer", "我喜欢模型", "我喜欢语言模型") == pytest.approx(100 * 2 / 7)
    assert "asian:yes" in scored("ter", predictions=["我"], references=[["我"]])["ter"].signature


def test_error_rates_are_jiwers():
    # The README's example, with one reference each.
    predictions, references = ["hello duck", "i like python"], ["hello world", "i like monthy python"]
    found = scored("wer", "mer", "cer", predictions=predictions, references=[[row] for row in references])
    assert found["wer"].value == pytest.approx(100 * 2 / 6)
    for name in ("wer", "mer", "cer"):
        assert found[name].value == pytest.approx(100 * getattr(jiwer, name)(references, predictions))
        assert found[name].better == "lower"
        assert "jiwer|version:" in found[name].signature


def test_error_rates_take_the_nearest_reference_and_empty_texts():
    assert value("wer", "b c", "x y", "b c d") == pytest.approx(100 / 3)
    assert value("wer", "", "a b") == 100
    assert value("mer", "a b", "") == 100
    assert value("cer", "", "") == 0


METEOR = {
    "hypothesis1": "It is a guide to action which ensures that the military always obeys the commands of the party",
    "hypothesis2": "It is to insure the troops forever hearing the activity guidebook that party direct",
    "reference1": "It is a guide to action that ensures that the military will forever heed Party commands",
    "reference2": "It is the guiding principle which guarantees the military forces always being under the "
    "command of the Party",
    "reference3": "It is the practical guide for the army always to heed the directions of the party",
}
"""The examples of nltk's documentation."""
LEXNAMES = """
adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body
noun.cognition noun.communication noun.event noun.feeling noun.food noun.group noun.location
noun.motive noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process
noun.quantity noun.relation noun.shape noun.state noun.substance noun.time verb.body verb.change
verb.cognition verb.communication verb.competition verb.consumption verb.contact verb.creation
verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative verb.weather
adj.ppl
"""
"""The one file of WordNet that Debian's package has not: names of the lexicographers' files, by number."""


def meteor(hypothesis, *references):
    return value("meteor", METEOR[hypothesis], *(METEOR[name] for name in references))


def test_meteor_of_published_cases_without_wordnet(monkeypatch):
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(nltk.corpus, "wordnet", LazyCorpusLoader("wordnet", WordNetCorpusReader, None))
    assert meteor("hypothesis1", "reference1") == pytest.approx(69.44, abs=0.005)
    assert value("meteor", "non matching hypothesis", "this is a cat") == 0
    assert value("meteor", "", "a cat") == 0
    assert "stages:exact,stem (no WordNet)|" in scored("meteor")["meteor"].signature
    assert value("meteor", "一只猫", "猫", "一只猫坐着") > 50


@pytest.fixture
def wordnet(tmp_path, monkeypatch):
    """Debian's WordNet where nltk looks for it."""
    debian = Path("/usr/share/wordnet")
    if not debian.is_dir():
        pytest.skip("needs WordNet's data: apt-get install wordnet-base")
    folder = tmp_path / "corpora" / "wordnet"
    shutil.copytree(debian, folder)
    kinds = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
    lines = (f"{n:02d}\t{name}\t{kinds[name.split('.')[0]]}\n" for n, name in enumerate(LEXNAMES.split()))
    (folder / "index.sense").touch()  # of senses by key, which nobody asks for here
    (folder / "lexnames").write_text("".join(lines))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(nltk.corpus, "wordnet", LazyCorpusLoader("wordnet", WordNetCorpusReader, None))


def test_meteor_with_synonyms(wordnet):
    assert meteor("hypothesis1", "reference1", "reference2", "reference3") == pytest.approx(69.44, abs=0.005)
    assert value("meteor", "the cars", "the auto") > 60  # of stems
    assert "stages:exact,stem,synonyms|wordnet:3.0|" in scored("meteor")["meteor"].signature


def test_distinct_and_repetition_by_hand():
    found = scored(
        "distinct",
        "repetition",
        predictions=["a b a b a b", "A, b!", ""],
        references=[["x"]] * 3,
    )
    # Words a b a b a b a b: 2 of 8. Pairs ab ba ab ba ab, ab: 2 of 6. Runs of four: abab baba abab, 2 of 3 new.
    assert found["distinct1"].value == pytest.approx(100 * 2 / 8)
    assert found["distinct2"].value == pytest.approx(100 * 2 / 6)
    assert found["repetition"].value == pytest.approx(100 * (1 / 3) / 3)
    several = scored(
        "distinct", "repetition", predictions=["a b a b a b", "A, b!", ""] * 2, references=[["x"]] * 6
    )
    assert several["distinct1"].low is None
    assert several["repetition"].low is not None


def test_self_bleu_is_nltks():
    texts = [
        "the cat sat on the mat and slept on the mat",
        "the cat sat on the roof",
        "a dog sat on the mat",
        "the the the cat",
        "nothing alike",
        "the cat sat on the mat and slept on the mat",
    ]
    smoothing = SmoothingFunction().method1
    expected = [
        sentence_bleu(
            [other.split() for place, other in enumerate(texts) if place != row],
            text.split(),
            smoothing_function=smoothing,
        )
        for row, text in enumerate(texts)
    ]
    found = scored("self_bleu", predictions=texts, references=[["x"]] * len(texts))["self_bleu"]
    assert found.value == pytest.approx(100 * np.mean(expected))
    assert found.low is None
    assert scored("self_bleu", predictions=["", ""], references=[["x"]] * 2)["self_bleu"].value == 0


def test_cmrc_scores_letters_in_one_run():
    found = scored(
        "cmrc",
        predictions=["《猫》坐在垫子上。", "在1889年", "ねこはGPUです"],
        references=[["猫坐在垫子上"], ["1889年", "公元1889年"], ["いぬはGPUです"]],
    )
    assert found["cmrc_exact_match"].value == pytest.approx(100 / 3)
    # 在 1889 年 and 1889 年: run of 2 of 3 and 2. ね こ は gpu で す: run は gpu で す, 4 of 6 and 6.
    assert found["cmrc_f1"].value == pytest.approx(100 * (1 + 2 * 2 / 5 + 2 * 4 / 12) / 3)
    assert value_of_f1("北京市海淀区", "海淀区北京市") == pytest.approx(50)  # SQuAD's F1 would be 100


def value_of_f1(prediction, reference):
    return scored("cmrc", predictions=[prediction], references=[[reference]])["cmrc_f1"].value


@pytest.mark.parametrize("language", ["ja", "ko"])
def test_bleu_splits_words_by_mecab(language):
    text = {"ja": "これは言語モデルの出力です", "ko": "고양이가 매트 위에 있다"}[language]
    pytest.importorskip({"ja": "ipadic", "ko": "mecab_ko"}[language])
    result = scored(
        "bleu", predictions=[text], references=[[text + "。"]], bleu_tokenize=f"{language}-mecab"
    )["bleu"]
    package = sacrebleu.corpus_bleu([text], [[text + "。"]], tokenize=f"{language}-mecab")
    assert result.value == pytest.approx(package.score)
    assert f"|tok:{language}-mecab" in result.signature


def test_what_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    with pytest.raises(UserError, match=re.escape("bleu_tokenize=ja-mecab is not to be had on this machine")):
        check_metrics(EvaluateConfig(bleu_tokenize="ja-mecab"))
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.download_file", _no_network)
    with pytest.raises(UserError, match="let sacrebleu fetch its vocabulary once"):
        check_metrics(EvaluateConfig(bleu_tokenize="flores200"))
    with pytest.raises(UserError, match=re.escape("pip install 'lm-workflow[metrics]'")):
        check_packages("an error rate", ["no_such_package"], "metrics")
    [problem] = EvaluateConfig(metrics=["bertscore"]).problems()
    assert "needs an encoder; name its folder" in problem


def _no_network(*_):
    raise OSError("no network")


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """A small BERT with random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *["the", "a", "cat", "dog", "sat", "ran", "on", "mat", "home", "no", "yes", "it"],
    ]
    letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    (folder / "vocab.txt").write_text("\n".join([*words, *letters]))
    tokenizer = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=32)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_bertscore_is_the_packages(encoder):
    package = pytest.importorskip("bert_score.utils")
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder)
    model.encoder.layer = model.encoder.layer[:2]
    references = [row[0] for row in REFERENCES]
    weights = dict.fromkeys(range(len(tokenizer)), 1.0) | {
        tokenizer.sep_token_id: 0,
        tokenizer.cls_token_id: 0,
    }
    expected = package.bert_cos_score_idf(
        model.eval(), references, PREDICTIONS, tokenizer, weights, device="cpu"
    )[:, 2]
    found = scored(
        "bertscore",
        references=[[row] for row in references],
        bertscore={"encoder": str(encoder), "layer": 2},
    )["bertscore"]
    assert found.value == pytest.approx(100 * float(expected.mean()), abs=1e-4)
    assert re.search(rf"encoder:{encoder.name},[0-9a-f]{{12}}\|layer:2\|", found.signature)


def test_bertscore_of_several_references_empty_texts_and_a_bad_layer(encoder):
    settings = {"bertscore": {"encoder": str(encoder)}}
    assert value("bertscore", "a cat", "a dog ran", "a cat", **settings) == pytest.approx(100)
    assert value("bertscore", "", "a dog ran", **settings) == 0
    with pytest.raises(UserError, match=r"layer=9: .* has 3 layers"):
        value("bertscore", "a", "a", bertscore={"encoder": str(encoder), "layer": 9})
    with pytest.raises(UserError, match="no folder of an encoder with config"):
        check_metrics(EvaluateConfig(metrics=["bertscore"], bertscore={"encoder": str(encoder.parent)}))
