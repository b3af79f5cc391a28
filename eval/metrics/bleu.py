"""Corpus BLEU (Papineni et al., 2002; Post, 2018); all references of an example count."""

from sacrebleu.metrics import BLEU

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.sacrebleu_scores import sacrebleu_result
from eval.scoring.tokenization import bleu_tokenizer
from pipeline.config.evaluation import EvaluateConfig

FIGURES = {"bleu": Figure("BLEU", "BLEU {:.1f}")}


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    tokenize = config.bleu_tokenize
    if tokenize == "auto":
        tokenize = bleu_tokenizer(texts.references)
    # force: a model trained on tokenized text writes " .", which is no mistake to warn of.
    return [sacrebleu_result("bleu", BLEU(tokenize=tokenize, force=True), texts)]
