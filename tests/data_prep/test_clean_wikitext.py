"""WikiText keeps its own conventions, or loses them on request."""

import pytest

from data_prep.reading.wikitext_detokenizer import detokenize
from pipeline.formats.wikitext import articles

FILES = {"wiki.train.tokens": "train", "wiki.valid.tokens": "validation", "wiki.test.tokens": "test"}


@pytest.fixture
def files(shared_data):
    folder = shared_data("wikitext-2")
    return {str(folder / name): split for name, split in FILES.items()}


def test_wikitext_2_is_kept_byte_for_byte_with_the_counts_of_the_literature(
    clean_corpus, files, tmp_path
) -> None:
    cleaned = clean_corpus(tmp_path, "wikitext", files)
    splits = cleaned.stats["splits"]
    assert [splits[name]["documents"] for name in ("train", "validation", "test")] == [600, 60, 60]
    assert (splits["train"]["words"], splits["train"]["lines"]) == (2_051_910, 36_718)
    # With one end of sentence per line, as published.
    assert splits["validation"]["words"] + splits["validation"]["lines"] == 217_646
    assert splits["test"]["words"] + splits["test"]["lines"] == 245_569
    assert cleaned.metrics["dropped_fraction"] == 0
    for path, split in files.items():
        with open(path, encoding="utf-8", newline="") as file:
            assert "".join(document.text for document in cleaned.split(split)) == file.read()
    first = cleaned.split("test")[0]
    assert (first.id, first.title) == ("wiki.test.tokens:0", "Robert <unk>")
    assert first.text.startswith(" \n = Robert <unk> = \n \n Robert <unk> is an English film , television")


def test_detokenized_wikitext_keeps_every_article_and_the_original_word_counts(
    clean_corpus, files, tmp_path
) -> None:
    held_out = {path: split for path, split in files.items() if split != "train"}
    train = tmp_path / "wiki.train.tokens"
    train.write_text(" \n = Solo = \n \n The only one . \n")
    cleaned = clean_corpus(tmp_path, "wikitext", {**held_out, str(train): "train"}, detokenize=True)
    test = cleaned.stats["splits"]["test"]
    assert test["documents"] == 60
    assert test["original_words"] + test["original_lines"] == 245_569
    assert test["words"] < test["original_words"]
    texts = [document.text for document in cleaned.split("test")]
    assert not [text for text in texts if "@-@" in text or " , " in text or " = " in text.partition("\n")[0]]
    assert texts[0].startswith(
        "Robert <unk>\n\nRobert <unk> is an English film, television and theatre actor. He had"
    )


def test_articles_begin_at_titles_between_blank_lines_only() -> None:
    lines = [
        *(" \n", " = One = \n", " \n", " = = Section = = \n", " \n", " text \n"),
        *(" = Played , W = \n", " won \n", " \n", " = not followed = \n", " by a blank line \n"),
        *(" \n", " = Two = \n", " \n", " end \n"),
    ]
    found = list(articles(lines))
    assert [title for title, _ in found] == ["One", "Two"]
    assert "".join(text for _, text in found) == "".join(lines)


def test_text_before_the_first_title_is_an_article_without_one() -> None:
    lines = ["loose text\n", "\n", "= One =\n", "\n", "text"]
    assert list(articles(lines)) == [("", "loose text\n"), ("One", "\n= One =\n\ntext")]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("a two @-@ part episode", "a two-part episode"),
        ("1 @,@ 250 people , 3 @.@ 5 %", "1,250 people, 3.5%"),
        ("weighs 5 – 6 kilograms ( 11 – 13 lb ) .", "weighs 5–6 kilograms (11–13 lb)."),
        ("the city – then small – grew", "the city – then small – grew"),
        ("he 's sure they do n't and didn 't", "he's sure they don't and didn't"),
        ("O 'Brien and the players ' union", "O'Brien and the players' union"),
        ('" Craig " in the " Teddy \'s Story " episode', '"Craig" in the "Teddy\'s Story" episode'),
        ('he said : " Yes , I did . "', 'he said: "Yes, I did."'),
        ("called ' the boss ' by all", "called 'the boss' by all"),
        ('( " Song " , 1999 ) ; next', '("Song", 1999); next'),
        ("US $ 40 million or £ 5", "US $40 million or £5"),
        ("at 80 km / h in 17 ° C", "at 80 km/h in 17 °C"),
        ("<unk> , the <unk> ( <unk> )", "<unk>, the <unk> (<unk>)"),
        ("= = Early life = =", "Early life"),
        ("= = = Third level = = =", "Third level"),
        ("x = = y", "x = = y"),
        ("wait ... what", "wait ... what"),
    ],
)
def test_detokenization(tokens: str, text: str) -> None:
    assert detokenize(f" {tokens} \n") == text


def test_detokenized_paragraphs_are_separated_by_blank_lines() -> None:
    assert detokenize(" \n = Title = \n \n One . \n Two . \n") == "Title\n\nOne.\n\nTwo."
