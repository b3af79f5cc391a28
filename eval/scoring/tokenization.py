"""How the scores of generated texts see words, in every script. What they make of ASCII text is left to each score's
own package."""

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

import regex

from pipeline.text.letters import UNSPACED_LETTERS
from pipeline.text.words import find_words, is_unspaced

_JOINERS = regex.compile("[\u200c\u200d]")
_PUNCTUATION = regex.compile(r"\p{P}+")
_UNSPACED_WORD = regex.compile(rf"[{UNSPACED_LETTERS}]\p{{M}}*+")
_HAN = regex.compile(r"\p{Han}")
_CHINESE = 0.9
"""Share of Han among the letters without spaces: Japanese has at most three quarters."""


def _canonical(text: str) -> str:
    """One spelling of what looks alike: accents composed, and without the invisible joiners, which many texts of
    Persian and the Indic scripts leave out."""
    return unicodedata.normalize("NFC", _JOINERS.sub("", text))


class WordTokenizer:
    """Words for rouge-score, whose own tokenizer drops all but a-z and 0-9.

    Of ASCII text its own tokens. Elsewhere runs of letters, marks and digits, in lower case, each letter of a script
    without spaces by itself; Porter's stemmer, made for English, sees the words of a-z only.
    """

    def __init__(self) -> None:
        from rouge_score.tokenizers import DefaultTokenizer

        self._latin = DefaultTokenizer(use_stemmer=True)

    def tokenize(self, text: str) -> list[str]:
        if text.isascii():
            return self._latin.tokenize(text)
        tokens: list[str] = []
        for is_ascii, run in groupby(find_words(_canonical(text).lower()), str.isascii):
            words = [*run]
            tokens += self._latin.tokenize(" ".join(words)) if is_ascii else words
        return tokens


def for_squad(text: str) -> str:
    """A text whose words SQuAD's normalization can tell apart, which knows ASCII punctuation and splits at white space.

    As MLQA's evaluation (Lewis et al., 2020, https://arxiv.org/abs/1910.07475) does it: no punctuation of any script,
    and spaces around the letters of those without. ASCII text stays as it is.
    """
    if text.isascii():
        return text
    return _UNSPACED_WORD.sub(r" \g<0> ", _PUNCTUATION.sub("", _canonical(text)))


def space_letters(text: str) -> str:
    """The text with spaces around the letters of scripts without spaces. ASCII text stays as it is."""
    return text if text.isascii() else _UNSPACED_WORD.sub(r" \g<0> ", text)


def split_letters(text: str) -> list[str]:
    """The words and punctuation marks of a text, as nltk's tokenizer of the Penn Treebank's kind finds them, and each
    letter of a script without spaces by itself."""
    from nltk.tokenize import NLTKWordTokenizer

    return NLTKWordTokenizer().tokenize(space_letters(text))


def plain_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation, each letter of a script without spaces by itself."""
    return find_words(_canonical(text).lower())


def are_unspaced(references: Sequence[Sequence[str]]) -> bool:
    """Whether most letters of the texts are of scripts without spaces."""
    return is_unspaced("\n".join(reference for row in references for reference in row))


def bleu_tokenizer(references: Sequence[Sequence[str]]) -> Literal["13a", "zh", "char"]:
    """sacrebleu's tokenizer for texts like these: `13a`, which splits at white space, cannot tell the words of a script
    without spaces."""
    text = "\n".join(reference for row in references for reference in row)
    if not is_unspaced(text):
        return "13a"
    letters = len(_UNSPACED_WORD.findall(text))
    return "zh" if len(_HAN.findall(text)) > _CHINESE * letters else "char"
