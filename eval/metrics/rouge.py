"""Mean F1 of ROUGE-1, -2, -L and -Lsum (Lin, 2004) with Porter stemming, as ROUGE-1.5.5 gives them.

Of several references each score takes its best. ROUGE-Lsum compares sentence by sentence and takes a line of the text
for a sentence: without line breaks in the texts it equals ROUGE-L.
"""

from importlib.metadata import version

import numpy as np

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.tokenization import WordTokenizer
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {
    "rouge1": Figure("ROUGE-1"),
    "rouge2": Figure("ROUGE-2"),
    "rougeL": Figure("ROUGE-L", "ROUGE-L {:.1f} of 100"),
    "rougeLsum": Figure("ROUGE-Lsum"),
}
SCALE = (
    "ROUGE goes from 0 to 100, where 100 is the reference itself: good summaries of news reach about 40 in ROUGE-L, "
    "answers in a chat 10 to 30."
)


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(FIGURES), use_stemmer=True, tokenizer=WordTokenizer())
    scores = [
        scorer.score_multi(targets, prediction)
        for prediction, targets in zip(texts.predictions, texts.references, strict=True)
    ]
    signature = (
        f"fmeasure|stem:porter|tok:words of all scripts|refs:best|sentences:lines"
        f"|rouge-score|version:{version('rouge-score')}"
    )
    return [
        texts.mean(name, np.array([score[name].fmeasure for score in scores]), signature) for name in FIGURES
    ]
