"""Match error rate (Morris et al., 2004): edits in percent of the words of both texts aligned, so 100 at most.

See `eval/scoring/edits.py`.
"""

from eval.results import Figure, Result
from eval.scoring.edits import check_jiwer, edit_rate
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"mer": Figure("Match error rate", "MER {:.1f}%", "lower")}


def check(config: EvaluateConfig) -> None:
    check_jiwer()


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [edit_rate("mer", texts, "words", "alignment")]
