"""Words of every script: what separates them, what belongs to them, how they are counted."""

import re

import pytest

from pipeline.text.letters import MARKS, UNSPACED_LETTERS
from pipeline.text.words import count_words, find_words, is_unspaced, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("The cat's 1,250 – tails.", ["The", "cat's", "1,250", "–", "tails."]),
        ("Für die Öl-Heizung", ["Für", "die", "Öl-Heizung"]),
        ("हिन्दी में।", ["हिन्दी", "में।"]),
        ("고양이가 매트 위에", ["고양이가", "매트", "위에"]),
        ("是“GPT”的。", ["是“", "GPT”", "的。"]),
        ("GPT模型2024年 – ok", ["GPT", "模", "型", "2024", "年", "–", "ok"]),
        ("カード々ｶﾅ", ["カ", "ー", "ド", "々", "ｶ", "ﾅ"]),
        ("か\u3099", ["か\u3099"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("བཀྲ་ཤིས།", ["བ", "ཀྲ་", "ཤི", "ས།"]),
        ("\U00020000\U00020001", ["\U00020000", "\U00020001"]),
        ("ＡＢＣ ʼn", ["ＡＢＣ", "ʼn"]),
    ],
)
def test_words_with_their_punctuation(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat's 1,250 snake_case", ["The", "cat", "s", "1", "250", "snake", "case"]),
        ("Für die naïve Σίσυφος", ["Für", "die", "naïve", "Σίσυφος"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("हिन्दी, में।", ["हिन्दी", "में"]),
        ("مرحبا، أهلًا؟", ["مرحبا", "أهلًا"]),
        ("ねこは“GPT4”", ["ね", "こ", "は", "GPT4"]),
        ("ที่นี่ ๒๕๔๐", ["ที่", "นี่", "๒๕๔๐"]),
    ],
)
def test_words_without_punctuation(text: str, words: list[str]) -> None:
    assert find_words(text) == words


def test_words_are_counted_as_published_but_where_there_are_no_spaces() -> None:
    assert count_words("A film by 黒澤 , 1950 .") == 7
    assert count_words("猫坐在垫子上。\n好") == 7
    assert is_unspaced("これはGPTです")
    assert not is_unspaced("GPT means 大")
    assert not is_unspaced("고양이가 매트 위에 있다")


def test_sets_are_of_whole_scripts() -> None:
    assert re.findall(f"[{UNSPACED_LETTERS}]", "aйअ한ʼ文あกབ\U0002ebf0") == [*"文あกབ\U0002ebf0"]
    assert re.findall(f"[{MARKS}]", "e\u0301नी❤\ufe0f\U00011131") == ["\u0301", "\u0940", "\U00011131"]
