"""Self-BLEU (Zhu et al., 2018): the mean BLEU-4 of each prediction with all others as its references. High where a
model writes alike for every prompt.

Sentence BLEU as nltk has it, with its smoothing `method1`. Instead of going through all pairs of texts, the two highest
counts of each run of words are kept, with the text that has the highest: of the others the maximum is one of these.
There is no interval: a resample holds texts twice, and a text's own copy would be its best reference.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.ngrams import ngrams
from eval.scoring.tokenization import plain_words
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"self_bleu": Figure("Self-BLEU", None, "lower")}
SCALE = "Self-BLEU goes from 0 to 100, where 100 is the same text for every prompt."
ORDERS = (1, 2, 3, 4)
EPSILON = 0.1
"""nltk's `method1` takes it for a count of 0 (Chen and Cherry, 2014)."""

Counts = Counter[tuple[str, ...]]


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    words = [plain_words(text) for text in texts.predictions]
    counts = [[Counter(ngrams(text, order)) for order in ORDERS] for text in words]
    lengths = [len(text) for text in words]

    def mean(rows: np.ndarray) -> float:
        return 100 * self_bleu([counts[row] for row in rows], [lengths[row] for row in rows])

    signature = "BLEU-4|smooth:method1|words of all scripts|case:lc"
    return [texts.result("self_bleu", mean, signature, resample=False)]


def self_bleu(counts: Sequence[Sequence[Counts]], lengths: Sequence[int]) -> float:
    """The mean in [0, 1]; 0 for fewer than two texts.

    Args:
        counts: of each text its runs of 1, 2, 3 and 4 words.
        lengths: the texts' words.
    """
    if len(lengths) < 2:
        return 0.0
    matches = [_matches([text[place] for text in counts]) for place in range(len(ORDERS))]
    ordered = Counter(lengths)
    return float(
        np.mean(
            [_bleu([found[row] for found in matches], length, ordered) for row, length in enumerate(lengths)]
        )
    )


def _matches(counts: Sequence[Counts]) -> list[int]:
    """How many runs of each text any of the others has, each counted as often as there at most."""
    highest: dict[tuple[str, ...], tuple[int, int]] = {}
    second: dict[tuple[str, ...], int] = {}
    for row, text in enumerate(counts):
        for run, count in text.items():
            most, _ = highest.get(run, (0, -1))
            if count > most:
                highest[run], second[run] = (count, row), most
            elif count > second[run]:
                second[run] = count
    return [
        sum(
            min(count, second[run] if highest[run][1] == row else highest[run][0])
            for run, count in text.items()
        )
        for row, text in enumerate(counts)
    ]


def _bleu(matches: Sequence[int], length: int, lengths: Counter[int]) -> float:
    if matches[0] == 0:
        return 0.0
    others = lengths - Counter([length])
    nearest = min(others, key=lambda other: (abs(other - length), other))
    brevity = min(0.0, 1 - nearest / length)
    logs = [
        math.log((found or EPSILON) / max(length - order + 1, 1))
        for found, order in zip(matches, ORDERS, strict=True)
    ]
    return math.exp(brevity + sum(logs) / len(ORDERS))
