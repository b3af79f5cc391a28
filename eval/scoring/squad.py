"""Exact match and token F1 of SQuAD (Rajpurkar et al., 2016), of several references the best.

Case, punctuation and English articles are not compared. Words of scripts without spaces: see `for_squad`.
"""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from eval.results import Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.tokenization import for_squad


def squad_scores(name: str, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """`exact_match` or `f1` of each prediction, in [0, 1], fp64 [N]."""
    from torchmetrics.functional.text import squad

    scores = [
        squad(
            {"prediction_text": for_squad(prediction), "id": "0"},
            {
                "answers": {
                    "answer_start": [0] * len(targets),
                    "text": [for_squad(target) for target in targets],
                },
                "id": "0",
            },
        )[name]
        for prediction, targets in zip(predictions, references, strict=True)
    ]
    return np.array([float(score) / 100 for score in scores])


def squad_result(name: str, texts: GeneratedTexts) -> Result:
    """`exact_match` or `f1`, the mean over all examples."""
    signature = (
        f"norm:squad,punctuation of all scripts|refs:best|torchmetrics|version:{version('torchmetrics')}"
    )
    return texts.mean(name, squad_scores(name, texts.predictions, texts.references), signature)
