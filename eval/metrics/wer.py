"""Word error rate (Morris et al., 2004); see `eval/scoring/edits.py`."""

from eval.results import Figure, Result
from eval.scoring.edits import check_jiwer, edit_rate
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"wer": Figure("Word error rate", "WER {:.1f}%", "lower")}


def check(config: EvaluateConfig) -> None:
    check_jiwer()


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [edit_rate("wer", texts, "words")]
