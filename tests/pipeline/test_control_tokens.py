"""Control tokens that text spells, with tokenizers of all kinds: it stays text, and templates keep theirs."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from pipeline.formats.control_tokens import ControlTokens

SPECIAL = ["<unk>", "<s>", "</s>"]
LETTERS = list("▁</>sabcdefghiunk")


def unigram() -> Tokenizer:
    """As converted from SentencePiece: the control tokens are pieces of the model, and the likeliest ones."""
    pieces = [(token, 0.0) for token in SPECIAL] + [(letter, -5.0) for letter in LETTERS]
    made = Tokenizer(models.Unigram(pieces, unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace()
    return made


def llama() -> Tokenizer:
    """BPE whose words may be pieces of the model without a merge."""
    vocab = {piece: id for id, piece in enumerate([*SPECIAL, *LETTERS, "ab"])}
    made = Tokenizer(models.BPE(vocab, [("a", "b")], unk_token="<unk>", ignore_merges=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return made


def wordpiece() -> Tokenizer:
    vocab = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    made = Tokenizer(models.WordPiece({piece: id for id, piece in enumerate(vocab)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def words() -> Tokenizer:
    vocab = {word: id for id, word in enumerate([*SPECIAL, "a", "b"])}
    made = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


@pytest.mark.parametrize("make", [unigram, llama, wordpiece, words])
def test_text_is_text_and_the_template_keeps_its_tokens(make):
    tokenizer = make()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_special_tokens([AddedToken("<|turn|>", rstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    control = ControlTokens(json.loads(tokenizer.to_str()))
    names = ["<s>", "</s>", "<|turn|>"]
    ids = {tokenizer.token_to_id(name) for name in names}

    [text] = control.encode_texts([" ".join(["a", *names, "b <think> c"])])
    assert not ids & set(text)
    assert tokenizer.token_to_id("<think>") in text  # declared ordinary

    whole = "<s>ab c<|turn|>  a <think>b</s>"
    expected = tokenizer.encode(whole, add_special_tokens=False).ids
    assert control.encode([whole]) == [expected]
    quoted = control.quote(" a</s><s> b")
    assert control.unquote(f"<s>{quoted}</s>") == "<s> a</s><s> b</s>"
    [mixed] = control.encode([f"<s>{quoted}</s>"])
    assert [id for id in mixed if id in ids] == [tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")]


def test_the_option_of_tokenizers_is_not_enough():
    """Why there is more to it than `encode_special_tokens`, which is `split_special_tokens` of transformers."""
    tokenizer = unigram()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.encode_special_tokens = True
    assert tokenizer.token_to_id("</s>") in tokenizer.encode("a</s>b").ids
    [ids] = ControlTokens(json.loads(tokenizer.to_str())).encode_texts(["a</s>b"])
    assert [tokenizer.id_to_token(id) for id in ids] == ["▁", "a", "<", "/", "s", ">", "b"]


def test_a_piece_that_merges_make_is_none_any_more():
    vocab = {piece: id for id, piece in enumerate(["</s>", "<", "/", "s", ">", "</", "s>"])}
    tokenizer = Tokenizer(models.BPE(vocab, [("<", "/"), ("s", ">"), ("</", "s>")]))
    assert tokenizer.encode("</s>").ids == [0]
    tokenizer.add_special_tokens(["</s>"])
    assert ControlTokens(json.loads(tokenizer.to_str())).encode_texts(["</s>"]) == [[5, 6]]


def test_texts_are_read_to_their_end():
    """A length to cut at may stand in a brought tokenizer's file."""
    tokenizer = words()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=8)
    assert len(tokenizer.encode("a b a b").ids) == 8
    assert ControlTokens(json.loads(tokenizer.to_str())).encode_texts(["a b a b"]) == [[3, 4, 3, 4]]
