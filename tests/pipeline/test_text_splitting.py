"""Long texts are encoded in pieces: that must not change a token."""

import json
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, pre_tokenizers

from data_prep.tokenizing.byte_bpe import byte_level_bpe
from pipeline.config.tokenizers import TokenizerConfig
from pipeline.text.text_splitting import (
    GPT2_PATTERN,
    LLAMA3_PATTERN,
    MAX_PIECE_CHARS,
    QWEN2_PATTERN,
    modern_pattern,
    safe_cut,
    split_text,
)

WORDS = [
    "a",
    "word",
    "don't",
    "I'LL",
    "1234567",
    "x1",
    "!",
    "...",
    "(",
    "_",
    "中文字符很多",
    "日本",
    "हिन्दी",
    "ไทย",
]
SPACES = [" ", "  ", "\n", "\n\n", " \n", "\n ", "\r\n", "\t", "\u00a0", "\x1c", "\u2028", ""]
TEXTS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), max_size=30).map(
    lambda parts: "".join(word + space for word, space in parts)
)
SAMPLE = [f"{word}{space}{word} some words and lines\n" for word in WORDS for space in SPACES] * 3


def bare(pattern: str | None) -> Tokenizer:
    """A byte-level tokenizer without merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return byte_level_bpe({character: id for id, character in enumerate(alphabet)}, [], pattern)


def trained(kind: str, vocab_size: int = 330, **settings: Any) -> Tokenizer:
    config = TokenizerConfig.choose(kind, vocab_size=vocab_size, special_tokens=[], **settings)
    return import_module(config.implementation).learn(config, iter(SAMPLE), False)


TOKENIZERS = {
    "modern": trained("bpe"),
    "modern without bound": trained("bpe", han_run=None),
    "gpt2": trained("bpe", pattern="gpt2"),
    "wordpiece": trained("wordpiece", 100),
    "unigram": trained("unigram", 60),
    "char": trained("char"),
}


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=TEXTS, limit=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_pieces_give_the_tokens_of_the_whole(name: str, text: str, limit: int) -> None:
    tokenizer = TOKENIZERS[name]
    cut = safe_cut(json.loads(tokenizer.to_str()))
    assert cut is not None
    pieces = list(split_text(text, cut, limit))
    assert "".join(pieces) == text
    ids = [id for piece in pieces for id in tokenizer.encode(piece, add_special_tokens=False).ids]
    assert ids == tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, LLAMA3_PATTERN, QWEN2_PATTERN, modern_pattern(4)])
@given(text=TEXTS, limit=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_pieces_give_the_words_of_the_whole(pattern: str, text: str, limit: int) -> None:
    cut = safe_cut(json.loads(bare(None if pattern == GPT2_PATTERN else pattern).to_str()))
    words = pre_tokenizers.Split(Regex(pattern), "isolated").pre_tokenize_str
    pieces = split_text(text, cut, limit)
    assert [word for piece in pieces for word, _ in words(piece)] == [word for word, _ in words(text)]


def test_an_unknown_splitter_is_not_cut() -> None:
    described = json.loads(bare(r"\p{L}+ \p{L}+|.").to_str())
    assert safe_cut(described) is None
    described = json.loads(TOKENIZERS["gpt2"].to_str())
    described["pre_tokenizer"]["add_prefix_space"] = True
    assert safe_cut(described) is None


def test_text_without_a_place_to_cut_is_cut_all_the_same() -> None:
    text = "x" * (3 * MAX_PIECE_CHARS)
    pieces = list(split_text(text, safe_cut(json.loads(TOKENIZERS["modern"].to_str()))))
    assert "".join(pieces) == text
    assert max(map(len, pieces)) == MAX_PIECE_CHARS
