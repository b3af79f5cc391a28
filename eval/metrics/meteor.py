"""METEOR (Banerjee and Lavie, 2005; Lavie and Agarwal, 2007) as nltk has it: the mean over all examples.

Words match as they stand, then by Porter's stem, and then as synonyms where nltk finds WordNet's data (`NLTK_DATA`;
`python -m nltk.downloader wordnet` fetches it). The signature says which of these there were: values with synonyms
and without are not comparable. Of several references the best counts.
"""

from importlib.metadata import version
from typing import Any

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.tokenization import split_letters
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"meteor": Figure("METEOR", "METEOR {:.1f} of 100")}
SCALE = (
    "METEOR goes from 0 to 100, where nearly 100 is the reference itself; it is mostly higher than BLEU, since words "
    "of the same stem count as well."
)


class _NoSynonyms:
    """Stands for WordNet where its data is not there: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        return []


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    from nltk.translate.meteor_score import meteor_score

    wordnet, stages = _find_wordnet()
    scores = [
        meteor_score([split_letters(row) for row in references], split_letters(prediction), wordnet=wordnet)
        for prediction, references in zip(texts.predictions, texts.references, strict=True)
    ]
    signature = f"stages:{stages}|tok:nltk words|refs:best|case:lc|nltk|version:{version('nltk')}"
    return [texts.mean("meteor", np.array(scores), signature)]


def _find_wordnet() -> tuple[Any, str]:
    """nltk's reader of WordNet, and the stages of matching in words."""
    from nltk.corpus import wordnet

    try:
        return wordnet, f"exact,stem,synonyms|wordnet:{wordnet.get_version()}"
    except LookupError:
        return _NoSynonyms(), "exact,stem (no WordNet)"
