"""Distinct-1 and distinct-2 (Li et al., 2016): how many of all words, or pairs of words, of the predictions are
different ones. Of the texts together: what a model says in every text counts as said once.

There is no interval: a resample holds texts twice, and would always seem less diverse.
"""

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.ngrams import ngrams
from eval.scoring.tokenization import plain_words
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"distinct1": Figure("Distinct-1"), "distinct2": Figure("Distinct-2")}
SCALE = "Distinct-1 and -2 go from 0 to 100: how many of 100 words, and of 100 pairs of words, are different ones."


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    words = [plain_words(text) for text in texts.predictions]
    return [_distinct(texts, words, order) for order in (1, 2)]


def _distinct(texts: GeneratedTexts, words: list[list[str]], order: int) -> Result:
    parts = [ngrams(text, order) for text in words]

    def share(rows: np.ndarray) -> float:
        total = sum(len(parts[row]) for row in rows)
        return 100 * len({part for row in rows for part in parts[row]}) / max(total, 1)

    return texts.result(f"distinct{order}", share, "words of all scripts|case:lc", resample=False)
