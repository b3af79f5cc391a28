"""Sentences with tags: how they are read, which schemes their tags have, and which tokens give them."""

import json
from collections import Counter

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from pipeline.config.tasks.tag import TagConfig, TagDataConfig
from pipeline.errors import UserError
from pipeline.formats.control_tokens import ControlTokens
from train.finetuning.tagging.alignment import NONE, align
from train.finetuning.tagging.examples import cut_windows
from train.finetuning.tagging.rows import read_tagged
from train.finetuning.tagging.schemes import Entity, Scheme, find_scheme
from train.finetuning.tagging.sentences import from_entities, from_words
from train.finetuning.tagging.tag_set import count_flaws, find_tags, most_frequent_tags


def read(path, text: str, **settings):
    path.write_text(text, encoding="utf-8")
    return list(read_tagged(path, TagDataConfig(train=str(path), **settings), Counter()))


def test_conll_columns(tmp_path):
    text = (
        "-DOCSTART- -X- O O\n\n# a comment\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n\n"
        "# NN I-NP O\nPeter NNP I-NP B-PER\n"
    )
    first, second = read(tmp_path / "a.conll", text)
    assert (first.source, first.targets) == ("EU rejects", ("B-ORG", "O"))
    assert (second.words, second.where) == (["#", "Peter"], f"{tmp_path / 'a.conll'}, line 8")
    parts = read(tmp_path / "a.conll", text, tag_column=2)
    assert parts[0].targets == ("NNP", "VBZ")
    with pytest.raises(UserError, match="line 2: 2 columns, but the lines before have 3"):
        read(tmp_path / "b.conll", "EU NNP B-ORG\nrejects O\n")
    with pytest.raises(UserError, match="tag_column"):
        read(tmp_path / "c.conll", "EU\n")


def test_all_bad_lines_of_columns_are_told_at_once(tmp_path):
    path = tmp_path / "a.conll"
    with pytest.raises(UserError) as raised:
        read(path, "EU NNP B-ORG\nrejects O\n\nPeter NNP B-PER\nsaid O\n", tag_column=4)
    assert str(raised.value).splitlines() == [
        f"4 faults in {path}:",
        "  line 2: 2 columns, but the lines before have 3; correct it (likewise line 5)",
        "  line 1: the word 'EU' stands in a line of 3 columns; a word and a tag are needed, in the columns "
        "finetune.data.word_column and tag_column",
        "  line 4: the word 'Peter' stands in a line of 3 columns; a word and a tag are needed, in the columns "
        "finetune.data.word_column and tag_column",
    ]


def test_all_sentences_with_wrong_tags_are_told_at_once():
    tags = find_tags([from_words(["a", "b"], ["B-X", "O"], "f, line 1")], TagConfig(scheme="bio"))
    others = [from_words(["c"], ["B-Y"], "f, line 4"), from_words(["d"], ["B-Z"], "f, line 9")]
    with pytest.raises(
        UserError, match=r"2 faults in the examples:\n  f, line 4: .*'B-Y'.*\n  f, line 9: .*'B-Z'"
    ):
        tags.ids_of_all(others)
    broken = [from_words(["a"], ["I-X"], f"f, line {n}") for n in (1, 4)]
    with pytest.raises(UserError, match=r"f, line 1: the tags break .* \(likewise f, line 4\)"):
        count_flaws(broken, tags.scheme, strict=True)


def test_universal_dependencies(tmp_path):
    text = (
        "# text = vámonos al mar\n1-2\tvámonos\t_\t_\t_\n1\tvamos\tir\tVERB\t_\n2\tnos\tnosotros\tPRON\t_\n"
        "2.1\tempty\t_\tX\t_\n3\tmar\tmar\tNOUN\t_\n"
    )
    (sentence,) = read(tmp_path / "a.conllu", text)
    assert (sentence.words, sentence.targets) == (["vamos", "nos", "mar"], ("VERB", "PRON", "NOUN"))


def test_rows(tmp_path):
    rows = [
        {"tokens": ["Ada", "in", "London"], "ner_tags": ["B-PER", "O", "B-LOC"], "id": 7},
        {"tokens": [], "ner_tags": []},
    ]
    full, empty = read(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert full.words == ["Ada", "in", "London"]
    assert empty.flaw
    for bad, message in (
        ({"tokens": ["a"], "ner_tags": ["O", "O"]}, "1 word has 2 tags"),
        ({"tokens": ["a", " "], "ner_tags": ["O", "O"]}, "word 2 "),
        ({"tokens": "a", "ner_tags": ["O"]}, "an entity is an object"),
        ({"words": ["a"], "labels": ["O"]}, "known pairs of fields"),
    ):
        with pytest.raises(UserError, match=message):
            read(tmp_path / "b.jsonl", json.dumps(bad) + "\n")


def test_character_spans(tmp_path):
    row = {"text": "Ada Lovelace 住在伦敦。", "entities": [{"start": 0, "end": 12, "label": "PER"}]}
    row["entities"].append({"start": 15, "end": 17, "label": "LOC"})
    (sentence,) = read(tmp_path / "a.jsonl", json.dumps(row) + "\n")
    assert sentence.words == ["Ada", "Lovelace", "住", "在", "伦", "敦", "。"]
    assert sentence.targets == ("B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O")
    assert from_entities("Londoners", [(0, 6, "LOC")], "here").widened == 1
    for entities, message in (
        ([(0, 3, "A"), (2, 5, "B")], "overlap"),
        ([(0, 2, "A"), (2, 3, "B")], "share the word 'Ada'"),
        ([(0, 99, "A")], "no part of a text"),
        ([(3, 4, "A")], "holds no word"),
    ):
        with pytest.raises(UserError, match=message):
            from_entities("Ada Lovelace", entities, "here")


def test_text_of_words():
    assert from_words(["Ada", "lived"], ["O", "O"], "").source == "Ada lived"
    assert from_words(list("住在伦敦"), ["O"] * 4, "").source == "住在伦敦"


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("B-X I-X O", Scheme("bio")),
        ("B-X E-X S-Y O", Scheme("bioes")),
        ("B-X L-X U-Y O", Scheme("bioes")),
        ("I-X O", Scheme("io")),
        ("person O", Scheme("io", bare=True)),
        ("NN VB", Scheme("plain")),
    ],
)
def test_the_scheme_is_found(tags, scheme):
    assert find_scheme(tags.split(), None) == scheme


def test_mixed_tags_are_no_scheme():
    with pytest.raises(UserError, match="the tag 'LOC' has no B- or I-"):
        find_scheme(["B-PER", "LOC", "O"], None)
    assert find_scheme(["B-PER", "LOC", "O"], "plain") == Scheme("plain")


def test_entities_as_conlleval_reads_them():
    bio, bioes = Scheme("bio"), Scheme("bioes")
    # The sequences are those of seqeval's README and of conlleval's rules for chunks.
    assert bio.entities(["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"]) == [Entity("MISC", 3, 6)]
    assert bio.entities(["I-NP", "I-NP", "O"]) == [Entity("NP", 0, 2)]
    assert bio.entities(["B-A", "I-B", "B-B", "B-B"]) == [
        Entity("A", 0, 1),
        Entity("B", 1, 2),
        Entity("B", 2, 3),
        Entity("B", 3, 4),
    ]
    assert bioes.entities(["B-A", "I-A", "E-A", "S-A", "E-A"]) == [
        Entity("A", 0, 3),
        Entity("A", 3, 4),
        Entity("A", 4, 5),
    ]
    assert bio.flaws(["B-A", "I-A", "O", "B-B"]) == 0
    assert bio.flaws(["I-A", "I-A", "O"]) == 1
    assert bio.flaws(["B-A", "I-B"]) == 1
    assert bioes.flaws(["B-A", "I-A", "E-A", "S-A"]) == 0
    assert bioes.flaws(["B-A", "O"]) == bioes.flaws(["B-A", "S-A"]) == 1


def test_what_is_written_is_read():
    entities = [Entity("A", 0, 1), Entity("A", 1, 4), Entity("B", 5, 6)]
    for name in ("bio", "bioes"):
        scheme = Scheme(name)
        tags = scheme.write(entities, 7)
        assert scheme.entities(tags) == entities
        assert scheme.flaws(tags) == 0
    assert Scheme("io", bare=True).write(entities[2:], 7) == ["O"] * 5 + ["B", "O"]


def test_broken_sequences_are_mended_counted_or_refused():
    sentences = [from_words(["a", "b"], ["I-X", "I-X"], "f, line 1"), from_words(["c"], ["B-X"], "f, line 4")]
    tags = find_tags(sentences, TagConfig())
    assert tags.labels == ["O", "B-X", "I-X"]
    assert tags.tags(sentences[0]) == ["B-X", "I-X"]
    assert count_flaws(sentences, tags.scheme, strict=False) == 1
    with pytest.raises(UserError, match="f, line 1: the tags break the scheme bio"):
        count_flaws(sentences, tags.scheme, strict=True)
    with pytest.raises(UserError, match="'B-Y' of 'd' is not among those of the training"):
        tags.ids(from_words(["d"], ["B-Y"], "f, line 9"))
    with pytest.raises(UserError, match="two tags or more"):
        find_tags([from_words(["a"], ["O"], "")], TagConfig())


def test_the_most_frequent_tag():
    found = most_frequent_tags([(["a", "b", "a"], ["X", "O", "X"]), (["a"], ["O"])])
    assert found == {"a": "X", "b": "O", "": "O"}


def word_pieces() -> ControlTokens:
    """As BERT's: Chinese by character, and other words by pieces."""
    pieces = ["[UNK]", "ada", "love", "##lace", "住", "在", "伦", "敦"]
    backend = Tokenizer(models.WordPiece({piece: id for id, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return ControlTokens(json.loads(backend.to_str()))


def byte_level(merges=()) -> ControlTokens:
    vocab = {token: id for id, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    for left, right in merges:
        vocab[left + right] = len(vocab)
    backend = Tokenizer(models.BPE(vocab, list(merges)))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return ControlTokens(json.loads(backend.to_str()))


def test_words_of_chinese_and_of_pieces_find_their_tokens():
    sentence = from_entities("Ada Lovelace 住在伦敦", [(0, 12, "PER")], "")
    (aligned,) = align([sentence], word_pieces())
    assert aligned.ids.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert aligned.first.tolist() == [0, 1, 3, 4, 5, 6]
    assert aligned.last.tolist() == [0, 2, 3, 4, 5, 6]
    assert not aligned.piecewise


def test_words_of_bytes_find_their_tokens():
    sentence = from_words(["é", "b"], ["O", "O"], "")  # two bytes; a token that is a space alone; one byte
    (aligned,) = align([sentence], byte_level())
    assert len(aligned.ids) == 4
    assert aligned.first.tolist() == [0, 3]
    assert aligned.last.tolist() == [1, 3]
    (aligned,) = align([sentence], byte_level([("Ġ", "b")]))
    assert aligned.first.tolist() == [0, 2]


def test_tokens_of_several_words_are_taken_apart():
    sentence = from_words(list("ab"), ["O", "O"], "")
    tight = from_entities("中国", [(0, 1, "X")], "")
    alphabet = dict(zip(range(256), _byte_characters(), strict=True))
    pieces = [alphabet[byte] for byte in "中国".encode()]
    merges = [("".join(pieces[:count]), pieces[count]) for count in range(1, len(pieces))]
    together, apart = align([tight], byte_level(merges))[0], align([sentence], byte_level(merges))[0]
    assert together.piecewise
    assert not apart.piecewise
    assert len(together.ids) == 4  # 中 is one token of its own, 国 the bytes
    assert together.first.tolist() == [0, 1]
    assert together.last.tolist() == [0, 3]


def _byte_characters() -> list[str]:
    """The character with which byte-level vocabularies write each byte (Radford et al., 2019)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    written = {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    return [written[byte] for byte in range(256)]


def test_no_word_is_lost_in_windows(chat_tokenizer):
    words = [f"w{number}" for number in range(200)]
    sentence = from_words(words, ["O"] * 200, "")
    (whole,) = cut_windows([sentence], chat_tokenizer, 10_000, "last").windows
    cut = cut_windows([sentence], chat_tokenizer, 48, "last")
    assert cut.cut_sentences == 1
    assert [word for window in cut.windows for word in window.words] == list(range(200))
    for window in cut.windows:
        assert len(window.ids) <= 48
        expected = whole.ids[whole.places[window.words]]
        assert (window.ids[window.places] == expected).all()
    assert min(window.places[0] for window in cut.windows[1:]) >= 12  # each has seen what comes before


def test_a_word_without_a_token_has_none():
    sentence = from_words(["Ada", "\u200d\u200d"], ["O", "O"], "")
    backend = Tokenizer(models.WordPiece({"[UNK]": 0, "ada": 1}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    (aligned,) = align([sentence], ControlTokens(json.loads(backend.to_str())))
    assert aligned.first.tolist() == [0, NONE]
