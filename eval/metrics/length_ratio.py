"""How long the predictions are beside the references, in percent: tokens of all predictions over those of the
references of the nearest length, as BLEU's brevity penalty has them (Papineni et al., 2002). Best is 100.

Much less tells of texts that end too early, much more of texts that do not end.
"""

from eval.metrics.bleu import bleu_of
from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.sacrebleu_scores import sacrebleu_result
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"length_ratio": Figure("Length ratio", None, "nearest_100")}
SCALE = "The length ratio is 100 where the texts are as long as their references."


def check(config: EvaluateConfig) -> None:
    """Raises: UserError: where sacrebleu cannot make the tokenizer that the configuration names."""
    bleu_of(config.bleu_tokenize)


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    bleu = bleu_of(config.bleu_tokenize, texts.references)
    return [sacrebleu_result("length_ratio", bleu, texts, lambda score: 100 * score.ratio)]
