"""Exact match of SQuAD (Rajpurkar et al., 2016); see `eval/scoring/squad.py`."""

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.squad import squad_result
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"exact_match": Figure("Exact match", "exact match {:.1f}%")}


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [squad_result("exact_match", texts)]
