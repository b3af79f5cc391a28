"""The tokenizer stage as a user meets it: its kinds, what it saves, and what it refuses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

from data_prep.tokenizer import run
from pipeline.config.stages import TokenizerStage
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter
from pipeline.formats.tokenizers import TextEncoder, load_tokenizer
from pipeline.tracking.tracker import read_jsonl

ENGLISH = sorted(topics.values())
CHINESE = [
    "语言模型预测下一个词。训练数据越多，语言模型越好。\n\n今天天气很好，我们去公园。",
    "今天天气不好。",
] * 5
SPECIAL = ("<|endoftext|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>")
KINDS = ("bpe", "wordpiece", "unigram", "char")


def write_corpus(folder: Path, train: list[str], validation: list[str]) -> Path:
    for split, texts in (("train", train), ("validation", validation)):
        if texts:
            with DocumentWriter(folder / "documents", split, 128) as writer:
                for number, text in enumerate(texts):
                    writer.write(Document(f"{split}{number}", text))
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("clean"), ENGLISH[::4] + CHINESE, ENGLISH[1::16])


@pytest.fixture
def train(tmp_path: Path, make_context: Callable) -> Callable:
    """Runs the stage on a corpus; returns its folder and metrics."""

    def call(clean: Path, kind: str = "bpe", **settings) -> tuple[Path, dict]:
        folder = tmp_path / f"tokenizer{len(list(tmp_path.iterdir()))}"
        size = {} if kind == "pretrained" else {"vocab_size": 800}
        config = TokenizerStage(tokenizer=TokenizerConfig.choose(kind, **{**size, **settings}))
        return folder, run(config, make_context(folder, clean=clean))

    return call


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_loads_in_transformers(corpus: Path, train: Callable, kind: str) -> None:
    folder, metrics = train(corpus, kind=kind)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|endoftext|>", "<|pad|>")
    assert len(tokenizer) == metrics["vocab_size"]
    assert metrics["vocab_size"] == 800 or kind == "char"
    ids = tokenizer.convert_tokens_to_ids(list(SPECIAL))
    assert len(set(ids)) == len(SPECIAL)
    assert tokenizer("<|user|>Hello<|end|>")["input_ids"][0] == ids[2]
    assert set(tokenizer.all_special_tokens) == {*SPECIAL} | ({"<|unk|>"} if kind != "bpe" else set())
    text = "The statement, if present, is executed."
    encoded = tokenizer(text)["input_ids"]
    assert tokenizer.decode(encoded) == text
    assert encoded == TextEncoder(folder).encode(text).tolist() == load_tokenizer(folder)(text)["input_ids"]
    saved = json.loads((folder / "tokenizer" / "tokenizer_config.json").read_text())
    # What transformers 4 needs to load it too.
    assert saved["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert set(saved["additional_special_tokens"]) == {"<|user|>", "<|assistant|>", "<|end|>"}
    assert (folder / "tokenizer" / "special_tokens_map.json").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_text_never_becomes_a_special_token(corpus: Path, train: Callable, kind: str) -> None:
    folder, _ = train(corpus, kind=kind)
    encoder, tokenizer = TextEncoder(folder), AutoTokenizer.from_pretrained(folder / "tokenizer")
    text = f"one {' two '.join(SPECIAL)} three<|endoftext|>"
    ids = encoder.encode(text).tolist()
    assert not set(ids) & set(tokenizer.convert_tokens_to_ids(list(SPECIAL)))
    assert ids == tokenizer(text, split_special_tokens=True)["input_ids"]
    if kind == "bpe":
        assert encoder.decode(ids) == text


def test_bpe_restores_every_text(corpus: Path, train: Callable) -> None:
    folder, _ = train(corpus)
    encoder, tokenizer = TextEncoder(folder), AutoTokenizer.from_pretrained(folder / "tokenizer")

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
    @example("  two spaces , and n't ' s .  ")
    @example("语言模型 👩‍👩‍👧 हिन्दी עברית ไทย é e\u0301 \x00 \ufffd")
    @settings(max_examples=100, deadline=None)
    def check(text: str) -> None:
        ids = encoder.encode(text).tolist()
        assert encoder.decode(ids) == text
        assert tokenizer.decode(tokenizer(text, split_special_tokens=True)["input_ids"]) == text

    check()


def test_of_a_text_without_spaces_characters_a_token_are_told(
    tmp_path: Path, train: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    clean = write_corpus(tmp_path / "clean", ["你好。\n再见！" * 9], ["你好。\n再见！"])
    with caplog.at_level("INFO"):
        _, metrics = train(clean, kind="char")
    assert (metrics["fertility"], metrics["word"]) == (pytest.approx(7 / 4), "character")
    assert metrics["characters_per_token"] == 1, "punctuation and line ends are characters, too"
    assert "bytes a token, 1.00 characters a token, " in caplog.text
    assert "tokens a character" not in caplog.text


def test_metrics_count_what_they_say(tmp_path: Path, train: Callable) -> None:
    clean = write_corpus(tmp_path / "clean", ["abc def" * 10], ["abc dZZ é"])
    _, metrics = train(clean, kind="char")
    assert metrics["bytes_per_token"] == pytest.approx(10 / 9)
    assert metrics["fertility"] == pytest.approx(9 / 3)
    assert metrics["characters_per_token"] == 1
    assert metrics["unknown_rate"] == pytest.approx(3 / 9)
    assert metrics["word"] == "word"
    folder, metrics = train(clean, vocab_size=261)
    assert (metrics["bytes_per_token"], metrics["unknown_rate"]) == (1, 0)
    segmented = read_jsonl(folder / "tables" / "segmentations.jsonl")
    assert segmented[0]["count"] == 10
    assert len(read_jsonl(folder / "tables" / "longest_tokens.jsonl")) == 50


def test_numbers_are_split_in_threes_and_han_in_bounded_runs(tmp_path: Path, train: Callable) -> None:
    clean = write_corpus(tmp_path / "clean", ["1234567 12345678 语言模型预测下一个词\n" * 50], [])
    bounded = set(TextEncoder(train(clean, vocab_size=285, han_run=2)[0]).vocabulary().values())
    assert {"123", "语言"} <= bounded
    assert not [token for token in bounded if token.isdigit() and len(token) > 3]
    assert not [token for token in bounded if len(token) > 2 and "\u4e00" <= token[0] <= "\u9fff"]
    whole = TextEncoder(train(clean, vocab_size=292, han_run=None)[0]).vocabulary().values()
    assert "语言模型预测下一个词" in {token.strip() for token in whole}


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_a_vocabulary_larger_than_the_text_supports(tmp_path: Path, train: Callable, kind: str) -> None:
    clean = write_corpus(tmp_path / "clean", [max(ENGLISH, key=len)], [])
    with pytest.raises(UserError, match=r"supports .* asks for 100,000; set tokenizer.vocab_size=") as caught:
        train(clean, kind=kind, vocab_size=100_000)
    supported = int(re.search(r"vocab_size=(\d+) or less", str(caught.value))[1])
    _, metrics = train(clean, kind=kind, vocab_size=supported)
    assert metrics["vocab_size"] == supported


def test_an_empty_corpus(tmp_path: Path, train: Callable) -> None:
    (tmp_path / "clean" / "documents").mkdir(parents=True)
    with pytest.raises(UserError, match="no training text"):
        train(tmp_path / "clean")


def test_a_damaged_corpus(tmp_path: Path, train: Callable) -> None:
    clean = write_corpus(tmp_path / "clean", ENGLISH[:20], [])
    file = clean / "documents" / "train-00000.parquet"
    content = file.read_bytes()
    for damaged in (
        content[:-1],
        content[: len(content) // 2] + b"\0" * 999 + content[len(content) // 2 + 999 :],
    ):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged"):
            train(clean)


@pytest.mark.parametrize("names", [("vocab.bpe", "encoder.json"), ("merges.txt", "vocab.json")])
def test_gpt2_files_encode_like_gpt2(
    tmp_path: Path, train: Callable, corpus: Path, shared_data: Callable[[str], Path], names: tuple[str, str]
) -> None:
    folder = tmp_path / "gpt2"
    folder.mkdir()
    for name, original in zip(names, ("vocab.bpe", "encoder.json"), strict=True):
        (folder / name).symlink_to(shared_data("tokenizer-refs") / original)
    made, metrics = train(corpus, kind="pretrained", path=str(folder), special_tokens=[])
    assert metrics["vocab_size"] == 50257
    encoder = TextEncoder(made)
    assert encoder.eos_id == 50256
    # Ids that OpenAI's encoder gives, as its ports and the documentation of transformers state them.
    for text, ids in {
        "": [],
        "Hello world": [15496, 995],
        " Hello world": [18435, 995],
        "Hello, my dog is cute": [15496, 11, 616, 3290, 318, 13779],
        "This is some text": [1212, 318, 617, 2420],
        "indivisible": [521, 452, 12843],
        "hello 👋 world 🌍": [31373, 50169, 233, 995, 12520, 234, 235],
        "toString constructor hasOwnProperty valueOf": [1462, 10100, 23772, 468, 23858, 21746, 1988, 5189],
        "The quick brown fox jumps over the lazy dog": [464, 2068, 7586, 21831, 18045, 625, 262, 16931, 3290],
    }.items():
        assert encoder.encode(text).tolist() == ids
        assert encoder.decode(ids) == text
    assert 50256 not in encoder.encode("a<|endoftext|>b")
    assert AutoTokenizer.from_pretrained(made / "tokenizer")("<|endoftext|>")["input_ids"] == [50256]


def test_a_pretrained_tokenizer_keeps_its_ids(tmp_path: Path, train: Callable, corpus: Path) -> None:
    first, before = train(corpus, special_tokens=[])
    second, after = train(
        corpus, kind="pretrained", path=str(first / "tokenizer"), special_tokens=["<|turn|>"]
    )
    assert after["vocab_size"] == before["vocab_size"] + 1
    text = ENGLISH[3]
    assert TextEncoder(second).encode(text).tolist() == TextEncoder(first).encode(text).tolist()
    loaded = load_tokenizer(second)
    assert (loaded.eos_token, loaded.pad_token) == ("<|endoftext|>", "<|pad|>")
    assert loaded("<|turn|>")["input_ids"] == [before["vocab_size"]]


def test_a_tokenizer_that_does_not_restore_text(tmp_path: Path, train: Callable, corpus: Path) -> None:
    tokenizer = Tokenizer(
        models.BPE({char: id for id, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    (tmp_path / "lower").mkdir()
    tokenizer.save(str(tmp_path / "lower" / "tokenizer.json"))
    with pytest.raises(UserError, match="does not restore validation text"):
        train(corpus, kind="pretrained", path=str(tmp_path / "lower"))


def test_folders_without_a_usable_tokenizer(tmp_path: Path, train: Callable, corpus: Path) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    with pytest.raises(UserError, match="holds no tokenizer"):
        train(corpus, kind="pretrained", path=str(folder))
    (folder / "tokenizer.json").write_text('{"version": "1.0"')
    with pytest.raises(UserError, match="cannot be read"):
        train(corpus, kind="pretrained", path=str(folder))
    with pytest.raises(UserError, match="does not exist"):
        train(corpus, kind="pretrained", path=str(tmp_path / "nowhere"))
