"""Character error rate; see `eval/scoring/edits.py`."""

from eval.results import Figure, Result
from eval.scoring.edits import check_jiwer, edit_rate
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"cer": Figure("Character error rate", "CER {:.1f}%", "lower")}


def check(config: EvaluateConfig) -> None:
    check_jiwer()


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [edit_rate("cer", texts, "characters")]
