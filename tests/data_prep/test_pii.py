"""Personal data is found where it is, and only there."""

import pickle
import re
from collections import Counter

import pytest

from data_prep.personal_data.pii import PiiScrubber
from pipeline.config.clean import PiiConfig
from tests.data_prep.pii_cases import NEGATIVE, POSITIVE

MARK = re.compile(r"\[\[(.+?)\]\]")
KINDS = list(POSITIVE)
SCRUBBER = PiiScrubber(PiiConfig())
PLACEHOLDER = re.compile("<(" + "|".join(KINDS) + ")>", re.IGNORECASE)


@pytest.mark.parametrize("kind", KINDS)
def test_recall_and_precision(kind: str) -> None:
    """A case counts as found where the placeholder stands for the marked characters, neither more nor fewer."""
    wanted = found = right = 0
    for marked_kind, text in POSITIVE.items():
        for line in text.strip().splitlines():
            expected = MARK.sub(f"<{marked_kind.upper()}>", line)
            scrubbed, counts = SCRUBBER.scrub(MARK.sub(r"\1", line))
            found += counts[kind]
            if marked_kind == kind:
                wanted += len(MARK.findall(line))
                right += counts[kind] if scrubbed == expected else 0
    found += sum(SCRUBBER.scrub(line)[1][kind] for line in NEGATIVE)
    print(f"{kind}: {wanted} cases, recall {right / wanted:.3f}, precision {right / found:.3f}")
    assert right / wanted >= 0.95
    assert right / found >= 0.95


def test_there_are_cases_enough() -> None:
    assert sum(len(MARK.findall(text)) for text in POSITIVE.values()) >= 150
    assert len(set(NEGATIVE)) >= 150


def test_placeholders_stand_in_for_what_is_found_and_are_counted() -> None:
    text = "Ask jane@example.com or bob@example.org, phone (212) 555-0147, from 81.2.69.142."
    scrubbed, counts = SCRUBBER.scrub(text)
    assert scrubbed == "Ask <EMAIL> or <EMAIL>, phone <PHONE>, from <IP>."
    assert counts == Counter(email=2, phone=1, ip=1)
    assert SCRUBBER.scrub(scrubbed) == (scrubbed, Counter())


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("อีเมลjane@example.comครับ", "อีเมล<EMAIL>ครับ"),
        ("이메일 jane@example.com으로", "이메일 <EMAIL>으로"),
        ("联系jane@example.com。", "联系<EMAIL>。"),
        ("اتصل +966 50 123 4567، شكرا", "اتصل <PHONE>، شكرا"),
        ("فون: +92 300 1234567۔", "فون: <PHONE>۔"),
        ("โทร +66 2 123 4567ครับ", "โทร <PHONE>ครับ"),
        ("账号DE89370400440532013000是", "账号<IBAN>是"),
        ("IP地址1.2.3.4。", "IP地址<IP>。"),
        ("版本v1.20.33.4。", "版本v1.20.33.4。"),
        ("jane@example.comом", "jane@example.comом"),
    ],
)
def test_a_word_ends_where_its_script_says(text: str, scrubbed: str) -> None:
    """Without spaces, and before the particles of Korean, what is found stands at a word's end all the same."""
    assert SCRUBBER.scrub(text)[0] == scrubbed


def test_only_the_kinds_that_are_asked_for() -> None:
    scrubber = PiiScrubber(PiiConfig(kinds=["card"]))
    text = "jane@example.com paid with 4111 1111 1111 1111."
    assert scrubber.scrub(text)[0] == "jane@example.com paid with <CARD>."


def test_workers_can_have_it() -> None:
    copy = pickle.loads(pickle.dumps(SCRUBBER))  # noqa: S301
    assert copy.scrub("mail a@b.co")[0] == "mail <EMAIL>"


@pytest.mark.parametrize("part", ["wiki.valid.tokens", "wiki.test.tokens"])
def test_nothing_is_found_in_an_encyclopedia(shared_data, part: str) -> None:
    text = (shared_data("wikitext-2") / part).read_text(encoding="utf-8")
    assert SCRUBBER.scrub(text) == (text, Counter())
