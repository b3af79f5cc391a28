"""Pieces of text that come token by token add up to the whole text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from train.generation.generate import decode_text
from train.generation.stops import Stops
from train.generation.text_stream import TextStream


def pieces(tokenizer, prompt: list[int], found: list[int], stops: Stops) -> list[str]:
    stream = TextStream(lambda ids: decode_text(tokenizer, ids), prompt, stops)
    return [*(stream.push(token) for token in found), stream.finish()]


@given(text=st.text(), prompt=st.text(max_size=5), more=st.binary(max_size=6))
def test_any_text_comes_whole(tokenizer, text, prompt, more) -> None:
    """A token of this tokenizer is a byte: characters come in parts, and some never become whole."""
    ids = tokenizer(text).input_ids + [5 + byte for byte in more]
    before = tokenizer(prompt).input_ids
    found = pieces(tokenizer, before, ids, Stops([]))
    assert "".join(found) == decode_text(tokenizer, ids)


def test_a_character_comes_when_it_is_whole(tokenizer) -> None:
    found = pieces(tokenizer, [], tokenizer("aé!").input_ids, Stops([]))
    assert found == ["a", "", "é", "!", ""]


@given(text=st.text("ab#\n", max_size=30))
def test_nothing_of_a_stop_or_behind_it_is_shown(tokenizer, text) -> None:
    stops = Stops([], ["##", "\n\na"])
    found = pieces(tokenizer, [], tokenizer(text).input_ids, stops)
    assert "".join(found) == stops.cut_text(text)


def test_what_may_become_a_stop_is_held_back(tokenizer) -> None:
    found = pieces(tokenizer, [], tokenizer("a#b##c").input_ids, Stops([], ["##"]))
    assert found == ["a", "", "#b", "", "", "", ""]


def test_a_stop_token_ends_the_text(tokenizer) -> None:
    ids = [*tokenizer("ab").input_ids, tokenizer.eos_token_id, *tokenizer("c").input_ids]
    assert "".join(pieces(tokenizer, [], ids, Stops([tokenizer.eos_token_id]))) == "ab"


@pytest.mark.parametrize("prompt", [[], [3], [3, 4]])
def test_words_keep_the_space_before_them(prompt) -> None:
    vocab = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -3.0), ("▁the", -1.0), ("▁cat", -1.0)]
    backend = Tokenizer(models.Unigram(vocab, unk_id=0))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    words = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    found = pieces(words, prompt, [3, 4, 4], Stops([]))
    assert found == (["the", " cat", " cat", ""] if not prompt else [" the", " cat", " cat", ""])
