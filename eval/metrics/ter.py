"""Corpus translation edit rate (Snover et al., 2006): edits per word of the references, shifts of phrases among them.

Of several references the nearest counts. Texts of a script without spaces are compared letter by letter.
"""

from sacrebleu.metrics import TER

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.sacrebleu_scores import sacrebleu_result
from eval.scoring.tokenization import are_unspaced
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"ter": Figure("TER", "TER {:.1f}", "lower")}
SCALE = "TER is how many edits 100 words of the reference need: 0 is the reference itself, and more than 100 may be."


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    unspaced = are_unspaced(texts.references)
    metric = TER(normalized=unspaced, asian_support=unspaced)
    return [sacrebleu_result("ter", metric, texts)]
