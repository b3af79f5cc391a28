"""`tokenizer=extended`: what is learned behind a base's tokens, and what the base's own text is then made of."""

import json
from collections.abc import Callable
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from transformers import AutoTokenizer

from data_prep.tokenizer import run
from pipeline.config.stages import TokenizerStage
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.config.tokenizers.extended import ExtendedTokenizer
from pipeline.errors import UserError
from pipeline.formats.tokenizers import TextEncoder
from pipeline.formats.vocabulary import read_vocabulary
from pipeline.formats.vocabulary_extension import BASE_FOLDER, VocabularyExtension
from pipeline.tracking.tracker import read_jsonl
from tests.data_prep.test_tokenizer import write_corpus

ENGLISH = sorted(topics.values())[::4]
CHINESE = ["语言模型预测下一个词。训练数据越多，语言模型越好。", "今天天气很好，我们去公园。"] * 10
SIZE, MARKER = 600, "<|new|>"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, make_context: Callable) -> Path:
    """The artifact of a tokenizer for English."""
    clean = write_corpus(tmp_path_factory.mktemp("english"), ENGLISH, ENGLISH[:2])
    folder = tmp_path_factory.mktemp("tokenizers") / "base"
    settings = TokenizerConfig.choose("bpe", vocab_size=SIZE)
    run(TokenizerStage(tokenizer=settings), make_context(folder, clean=clean))
    return folder


@pytest.fixture(scope="module")
def extend(base: Path, tmp_path_factory: pytest.TempPathFactory, make_context: Callable) -> Callable:
    """Runs the stage on Chinese text; returns its folder and metrics."""
    clean = write_corpus(tmp_path_factory.mktemp("chinese"), CHINESE, [*CHINESE[:1], *ENGLISH[:2]])

    def call(folder: Path, **settings: object) -> tuple[Path, dict]:
        config = ExtendedTokenizer(**{"path": str(base / "tokenizer"), "add": 20, **settings})
        return folder, run(TokenizerStage(tokenizer=config), make_context(folder, clean=clean))

    return call


@pytest.fixture(scope="module")
def extended(extend: Callable, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    return extend(tmp_path_factory.mktemp("tokenizers") / "extended", special_tokens=[MARKER])


def test_old_text_keeps_its_tokens_and_new_text_takes_fewer(base: Path, extended: tuple[Path, dict]) -> None:
    folder, metrics = extended
    old, new = TextEncoder(base), TextEncoder(folder)
    assert new.vocab_size == metrics["vocab_size"] == SIZE + 21
    for text in ENGLISH[:3]:
        assert new.encode(text).tolist() == old.encode(text).tolist()
    text = CHINESE[0]
    assert len(new.encode(text)) < len(old.encode(text)) / 1.2
    assert new.decode(new.encode(text).tolist()) == text
    assert metrics["fertility"] < metrics["base_fertility"]
    whole = read_jsonl(folder / "tables" / "vocabulary_extension.jsonl")[-1]
    assert whole["part"] == "all of it"
    assert whole["base_bytes_per_token"] == metrics["base_bytes_per_token"]
    assert 0.9 < whole["kept"] < 1


def test_ids_and_merges_of_the_base_stay(base: Path, extended: tuple[Path, dict]) -> None:
    old, new = read_vocabulary(base / "tokenizer"), read_vocabulary(extended[0] / "tokenizer")
    assert old is not None
    assert new is not None
    assert old.merges is not None
    assert new.merges is not None
    assert old.ids.items() <= new.ids.items()
    assert sorted(new.ids.values()) == list(range(SIZE + 21))
    assert new.merges[: len(old.merges)] == old.merges
    kept = read_vocabulary(extended[0] / BASE_FOLDER / "tokenizer")
    assert kept is not None
    assert kept.ids == old.ids


def test_each_new_token_names_the_old_ones_that_spell_it(base: Path, extended: tuple[Path, dict]) -> None:
    folder, _ = extended
    extension = VocabularyExtension.load(folder)
    assert extension is not None
    assert (extension.base_size, len(extension.pieces)) == (SIZE, 21)
    names = {
        id: token
        for token, id in json.loads((folder / "tokenizer/tokenizer.json").read_text())["model"][
            "vocab"
        ].items()
    }
    for number, pieces in enumerate(extension.pieces[:-1]):
        assert len(pieces) > 1
        assert "".join(names[id] for id in pieces) == names[SIZE + number]
    assert extension.pieces[-1] == TextEncoder(base).encode(MARKER).tolist()


def test_transformers_loads_it_with_the_same_control_tokens(extended: tuple[Path, dict]) -> None:
    folder, _ = extended
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder / "tokenizer"), TextEncoder(folder)
    assert tokenizer.convert_tokens_to_ids(MARKER) == len(tokenizer) - 1 == SIZE + 20
    assert tokenizer("<|end|>" + MARKER)["input_ids"] == [encoder.token_to_id("<|end|>"), SIZE + 20]
    spelled = encoder.encode("<|end|>" + MARKER).tolist()
    assert encoder.decode(spelled) == "<|end|>" + MARKER
    assert not {encoder.token_to_id("<|end|>"), SIZE + 20} & set(spelled)


def test_the_largest_number_that_the_text_supports_is_named(extend: Callable, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"supports \d+ new tokens and tokenizer\.add asks for 900") as told:
        extend(tmp_path / "one", add=900)
    largest = int(str(told.value).split("tokenizer.add=")[1].split(" ")[0])
    _, metrics = extend(tmp_path / "other", add=largest)
    assert metrics["vocab_size"] == SIZE + largest


def test_only_a_byte_level_bpe_is_extended(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    content = json.loads((base / "tokenizer" / "tokenizer.json").read_text())
    content["model"] = {"type": "WordPiece", "vocab": {"a": 0}}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    (problem,) = ExtendedTokenizer(path=str(folder)).problems()
    assert "no byte-level BPE" in problem
    assert "tokenizer=pretrained" in problem
    assert ExtendedTokenizer(path=str(base / "tokenizer")).problems() == []
