"""Token F1 of SQuAD (Rajpurkar et al., 2016); see `eval/scoring/squad.py`."""

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.squad import squad_result
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"f1": Figure("F1")}
SCALE = "F1 goes from 0 to 100, where 100 has the same words as a reference."


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [squad_result("f1", texts)]
