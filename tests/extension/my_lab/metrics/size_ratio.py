"""How long the predictions are beside their first references, in percent."""

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"size_ratio": Figure("Size ratio", "size ratio {:.0f}%")}


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    predicted = np.array([len(text) for text in texts.predictions])
    expected = np.array([len(row[0]) for row in texts.references])
    return [
        texts.result(
            "size_ratio",
            lambda rows: 100 * predicted[rows].sum() / max(expected[rows].sum(), 1),
            "characters",
        )
    ]
