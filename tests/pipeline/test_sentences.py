"""Where sentences end: the marks of every script, and the habits of those who type them."""

import pytest

from pipeline.text.sentences import ends_sentence, has_sentences

THREE = {
    "English": "It is so. 3.5 m, or 4? “Yes!”",
    "German": "Er sagte: „Es ist so.“ Und 3.5? »Ja.«",
    "Armenian": "Սա նախադասություն է։ Սա երկրորդն է։ Սա երրորդն է։",
    "Armenian, typed with a colon": "Սա նախադասություն է: Սա երկրորդն է: Սա երրորդն է:",
    "Urdu": "یہ ایک جملہ ہے۔ یہ دوسرا جملہ ہے۔ یہ تیسرا ہے۔",
    "Arabic": "هذه جملة. وهذه ثانية؟ وهذه ثالثة!",
    "Amharic": "ይህ ዓረፍተ ነገር ነው። ይህ ሁለተኛ ነው። ይህ ሦስተኛ ነው።",
    "Amharic, typed with word separators": "ይህ ዓረፍተ ነገር ነው፡፡ ይህ ሁለተኛ ነው፡፡ ይህ ሦስተኛ ነው፡፡",
    "Burmese": "ဒါဟာ စာကြောင်း ဖြစ်တယ်။ ဒုတိယ။ တတိယ။",
    "Khmer": "នេះជាប្រយោគ។ ទីពីរ។ ទីបី។",
    "Hindi": "यह एक वाक्य है। यह दूसरा है। यह तीसरा है॥",
    "Hindi, typed with a bar": "यह एक वाक्य है| यह दूसरा है| यह तीसरा है||",
    "Tibetan": "འདི་ནི་ཚིག་གྲུབ་ཡིན། འདི་གཉིས་པ་ཡིན། འདི་གསུམ་པ་ཡིན།",
    "Greek": "Τι κάνεις; Πού πας; Εδώ είμαι.",
    "Chinese": "猫坐着。狗呢？“跑了！！！”",
    "Chinese, typed with Latin marks": "你好吗?我很好!谢谢。",
    "Thai": "แมวตัวหนึ่งนั่งอยู่บนเสื่อ สุนัขวิ่งกลับบ้านอย่างรวดเร็ว วันนี้ฝนตกทางภาคเหนือของประเทศ",
    "Lao": "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ ມະນຸດທຸກຄົນເກີດມາມີສິດທິ ມະນຸດທຸກຄົນເກີດມາມີເສລີພາບ",
    "Chakma": "𑄃𑄟𑄨𑅁 𑄃𑄟𑄨𑅁 𑄃𑄟𑄨𑅁",
}


@pytest.mark.parametrize("language", THREE)
def test_three_sentences_are_three(language: str) -> None:
    text = THREE[language]
    assert has_sentences(text, 3)
    assert not has_sentences(text, 4)
    assert ends_sentence(text)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "",
            "The harbour",
            "note:",
            "he; she;",
            "a | b |",
            "(see below)",
            "and so on …",
            "3.5",
            "Überschrift",
        ),
        *("ประวัติ", "港口", "Ο λιμένας", "Պատմություն", "यह है", "ታሪክ፡"),
    ],
)
def test_headings_and_halves_end_no_sentence(line: str) -> None:
    assert not ends_sentence(line)
    assert not has_sentences(line, 1)


def test_a_long_line_of_thai_is_prose_whatever_it_ends_with() -> None:
    assert ends_sentence("กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทยตั้งแต่ พ.ศ. 2325")
    assert not ends_sentence("The Thai word for it, which is รถ, and its English translation")
