"""Corpus chrF2 (Popović, 2015); of several references the best counts."""

from sacrebleu.metrics import CHRF

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.sacrebleu_scores import sacrebleu_result
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"chrf": Figure("chrF2")}
SCALE = "chrF goes from 0 to 100, where 100 is the reference itself: good translations reach about 60."


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [sacrebleu_result("chrf", CHRF(), texts)]
