"""Corpus scores of sacrebleu (Post, 2018), with intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sacrebleu.metrics.base import Metric

from eval.results import Result
from eval.scoring.generated_texts import GeneratedTexts


def sacrebleu_result(
    name: str,
    metric: Metric,
    texts: GeneratedTexts,
    figure: Callable[[Any], float] = lambda score: score.score,
) -> Result:
    """The score of all examples; of an example all references count as the metric has it.

    Args:
        figure: what of the metric's own `Score` is told.
    """
    # sacrebleu wants streams: the i-th references of all examples, None where an example has fewer.
    most = max(map(len, texts.references))
    streams: list[list[Any]] = [
        [row[i] if i < len(row) else None for row in texts.references] for i in range(most)
    ]
    # These two methods are what its own significance tests resample with; it has no public ones for that.
    statistics = np.array(metric._extract_corpus_statistics(list(texts.predictions), streams))

    def score(rows: np.ndarray) -> float:
        return float(figure(metric._compute_score_from_stats(statistics[rows].sum(0).tolist())))

    return texts.result(name, score, f"{metric.get_signature().format()}|sacrebleu")
