"""Exact match and F1 as CMRC 2018 has them (Cui et al., 2019), for answers in Chinese and Japanese.

Each letter of a script without spaces is a unit by itself, and words elsewhere. What the two texts share is the longest
run of units that stands in both. Of several references the best counts. Case and CMRC's list of punctuation marks are
not compared.
"""

from importlib.metadata import version

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.tokenization import split_letters
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {
    "cmrc_exact_match": Figure("Exact match, CMRC", "exact match {:.1f}%"),
    "cmrc_f1": Figure("F1, CMRC", "F1 {:.1f}%"),
}
_IGNORED = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
"""The marks that the official script leaves out; it names ……, too, which no single character equals."""


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    pairs = [
        ([_without_marks(row) for row in references], _without_marks(prediction))
        for prediction, references in zip(texts.predictions, texts.references, strict=True)
    ]
    exact = np.array([float(prediction in references) for references, prediction in pairs])
    f1 = np.array([max(_f1(row, prediction) for row in references) for references, prediction in pairs])
    signature = f"norm:cmrc2018|refs:best|units:letters,nltk words|nltk|version:{version('nltk')}"
    return [texts.mean("cmrc_exact_match", exact, signature), texts.mean("cmrc_f1", f1, signature)]


def _without_marks(text: str) -> str:
    return text.lower().strip().translate(_IGNORED)


def _f1(reference: str, prediction: str) -> float:
    expected, found = split_letters(reference), split_letters(prediction)
    common = _longest_run(expected, found)
    return 2 * common / (len(expected) + len(found)) if common else 0.0


def _longest_run(first: list[str], second: list[str]) -> int:
    """Units of the longest run that stands in both."""
    longest, before = 0, [0] * (len(second) + 1)
    for unit in first:
        row = [0] * (len(second) + 1)
        for place, other in enumerate(second):
            if unit == other:
                row[place + 1] = before[place] + 1
        longest, before = max(longest, *row), row
    return longest
