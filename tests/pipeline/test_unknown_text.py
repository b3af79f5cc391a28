"""What a tokenizer does not know of texts, by kind of tokenizer."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pipeline.formats.control_tokens import ControlTokens
from pipeline.formats.unknown_text import unknown_text

KNOWN = ["<unk>", "</s>", *"是什么？abr"]
VOCABULARY = {token: id for id, token in enumerate(KNOWN)}


def characters() -> Tokenizer:
    return Tokenizer(models.BPE(VOCABULARY, [], unk_token="<unk>"))


def unigram() -> Tokenizer:
    return Tokenizer(models.Unigram([(token, -1.0) for token in KNOWN], unk_id=0))


def wordpiece() -> Tokenizer:
    inside = {f"##{token}": id for id, token in enumerate("abr", len(KNOWN))}
    made = Tokenizer(models.WordPiece(VOCABULARY | inside, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def byte_level() -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {token: id for id, token in enumerate(["</s>", *sorted(alphabet)])}
    made = Tokenizer(models.BPE(vocabulary, [], unk_token="</s>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made


def told(made: Tokenizer, *texts: str) -> str:
    made.add_special_tokens(["</s>"])
    control = ControlTokens.of(PreTrainedTokenizerFast(tokenizer_object=made))
    return unknown_text(control, texts).describe("the prompt")


@pytest.mark.parametrize("make", [characters, unigram])
def test_unknown_characters_are_counted_and_named(make) -> None:
    assert told(make(), "龘龘是什么？😀") == "3 characters of the prompt are unknown to the tokenizer: 龘 😀"
    assert told(make(), "是什么", "龘") == "1 character of the prompt is unknown to the tokenizer: 龘"
    assert told(make(), "是\n什么") == "1 character of the prompt is unknown to the tokenizer: ⏎"
    assert told(make(), "是\xa0么").endswith(": U+00A0"), "what cannot be seen"
    assert told(make(), "是什么？") == ""
    assert told(make()) == ""


def test_of_many_the_first_are_named_and_their_share_is_told() -> None:
    assert told(characters(), "是" * 176, "甲乙丙丁戊己庚辛壬癸" * 2, "甲" * 4) == (
        "24 characters of the prompt are unknown to the tokenizer (10 different, 12% of the text): "
        "甲 乙 丙 丁 戊 己 庚 辛 …"
    )


def test_a_word_of_pieces_is_unknown_as_a_whole() -> None:
    assert told(wordpiece(), "ab bar baz") == "1 word of the prompt is unknown to the tokenizer: baz"


def test_a_tokenizer_of_bytes_knows_everything() -> None:
    assert told(byte_level(), "龘龘是什么？😀") == ""
