"""Exact match and token F1 of SQuAD (Rajpurkar et al., 2016), of several references the best.

Case, punctuation and English articles are not compared. Words of scripts without spaces: see `for_squad`.
"""

from importlib.metadata import version

import numpy as np

from eval.results import Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.tokenization import for_squad


def squad_result(name: str, texts: GeneratedTexts) -> Result:
    """`exact_match` or `f1`, the mean over all examples."""
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
        for prediction, targets in zip(texts.predictions, texts.references, strict=True)
    ]
    signature = (
        f"norm:squad,punctuation of all scripts|refs:best|torchmetrics|version:{version('torchmetrics')}"
    )
    return texts.mean(name, np.array([float(score) / 100 for score in scores]), signature)
