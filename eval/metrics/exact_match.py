"""Exact match of SQuAD (Rajpurkar et al., 2016); see `eval/squad.py`."""

from eval.generated_texts import GeneratedTexts
from eval.results import Figure, Result
from eval.squad import squad_result
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"exact_match": Figure("Exact match", "exact match {:.1f}%")}


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [squad_result("exact_match", texts)]
