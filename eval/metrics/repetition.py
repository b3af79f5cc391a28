"""Repetition within a text, seq-rep-4 (Welleck et al., 2020): the share of its runs of four words that stood in it
before; the mean over all predictions. A text of fewer than four words repeats nothing."""

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.ngrams import ngrams
from eval.scoring.tokenization import plain_words
from pipeline.config.evaluation import EvaluateConfig

ORDER = 4
FIGURES = {"repetition": Figure("Repeated runs of 4 words", "{:.1f}% repeated", "lower")}


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    shares = [_repeated(plain_words(text)) for text in texts.predictions]
    return [texts.mean("repetition", np.array(shares), f"seq-rep-{ORDER}|words of all scripts|case:lc")]


def _repeated(words: list[str]) -> float:
    runs = ngrams(words, ORDER)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
