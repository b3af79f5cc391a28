"""Conversion between simplified and traditional characters."""

import pickle
import sys

import pytest

from data_prep.cleaning.chinese import ChineseConverter
from pipeline.errors import UserError


def test_conversion_by_phrase():
    pytest.importorskip("opencc")
    # 发 is 發 or 髮, 后 is 後 or 后: the phrase decides.
    simplified, traditional = "头发发展，后来的皇后。Hello", "頭髮發展，後來的皇后。Hello"
    assert ChineseConverter("traditional").convert(simplified) == traditional
    assert ChineseConverter("simplified").convert(traditional) == simplified
    assert ChineseConverter("simplified").convert(simplified) == simplified


def test_a_converter_can_be_sent_to_other_processes():
    pytest.importorskip("opencc")
    copy = pickle.loads(pickle.dumps(ChineseConverter("simplified")))  # noqa: S301 (our own)
    assert copy.convert("電腦") == "电脑"


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(UserError, match=r"pip install 'lm-workflow\[chinese\]'"):
        ChineseConverter("simplified")
