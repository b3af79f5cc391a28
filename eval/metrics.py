"""Scores of generated texts against references, by the field's own packages, with bootstrap intervals.

All scores are percentages. Every signature ends with how the predictions were made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.metrics.base import Metric

from eval.results import Bootstrap, Result
from eval.tokenization import WordTokenizer, bleu_tokenizer, for_squad
from pipeline.config.evaluation import EvaluateConfig

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


@dataclass(frozen=True)
class TextScorer:
    """Predictions with one or more references each."""

    predictions: Sequence[str]
    references: Sequence[Sequence[str]]
    bootstrap: Bootstrap
    decoding: str
    """How the predictions were made, for the signatures."""
    model: str = "finetune"

    def results(self, config: EvaluateConfig) -> list[Result]:
        """The results that `config.metrics` asks for."""
        results = []
        if "bleu" in config.metrics:
            results.append(self.bleu(config.bleu_tokenize))
        if "chrf" in config.metrics:
            results.append(self.chrf())
        if "rouge" in config.metrics:
            results += self.rouge()
        squad_names = [name for name in ("exact_match", "f1") if name in config.metrics]
        return results + self.squad(squad_names)

    def bleu(self, tokenize: str = "auto") -> Result:
        """Corpus BLEU (Papineni et al., 2002; Post, 2018); all references of an example count."""
        tokenize = bleu_tokenizer(self.references) if tokenize == "auto" else tokenize
        # force: a model trained on tokenized text writes " .", which is no mistake to warn of.
        return self._sacrebleu("bleu", BLEU(tokenize=tokenize, force=True))

    def chrf(self) -> Result:
        """Corpus chrF2 (Popović, 2015); of several references the best counts."""
        return self._sacrebleu("chrf", CHRF())

    def _sacrebleu(self, name: str, metric: Metric) -> Result:
        # sacrebleu wants streams: the i-th references of all examples, None where an example has fewer.
        most = max(map(len, self.references))
        streams = [[row[i] if i < len(row) else None for row in self.references] for i in range(most)]
        # These two methods are what its own significance tests resample with; it has no public ones for that.
        statistics = np.array(metric._extract_corpus_statistics(list(self.predictions), streams))

        def score(rows: np.ndarray) -> float:
            return metric._compute_score_from_stats(statistics[rows].sum(0).tolist()).score

        return self._result(name, score, f"{metric.get_signature().format()}|sacrebleu")

    def rouge(self) -> list[Result]:
        """Mean F1 of ROUGE-1, -2, -L and -Lsum (Lin, 2004) with Porter stemming, as ROUGE-1.5.5 gives them.

        Of several references each score takes its best. ROUGE-Lsum compares sentence by sentence and takes a
        line of the text for a sentence: without line breaks in the texts it equals ROUGE-L.
        """
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(ROUGE_TYPES, use_stemmer=True, tokenizer=WordTokenizer())
        scores = [
            scorer.score_multi(targets, prediction)
            for prediction, targets in zip(self.predictions, self.references, strict=True)
        ]
        signature = (
            f"fmeasure|stem:porter|tok:words of all scripts|refs:best|sentences:lines"
            f"|rouge-score|version:{version('rouge-score')}"
        )
        return [
            self._mean(name, np.array([score[name].fmeasure for score in scores]), signature)
            for name in ROUGE_TYPES
        ]

    def squad(self, names: Sequence[str] = ("exact_match", "f1")) -> list[Result]:
        """Exact match and token F1 of SQuAD (Rajpurkar et al., 2016), of several references the best.

        Case, punctuation and English articles are not compared. Words of scripts without spaces: see `for_squad`.
        """
        from torchmetrics.functional.text import squad

        if not names:
            return []
        examples = [
            squad(
                {"prediction_text": for_squad(prediction), "id": "0"},
                {
                    "answers": {
                        "answer_start": [0] * len(targets),
                        "text": [for_squad(target) for target in targets],
                    },
                    "id": "0",
                },
            )
            for prediction, targets in zip(self.predictions, self.references, strict=True)
        ]
        signature = (
            f"norm:squad,punctuation of all scripts|refs:best|torchmetrics|version:{version('torchmetrics')}"
        )
        return [
            self._mean(name, np.array([float(example[name]) / 100 for example in examples]), signature)
            for name in names
        ]

    def _mean(self, name: str, scores: np.ndarray, signature: str) -> Result:
        """The mean of scores in [0, 1] per example, as a percentage."""
        return self._result(name, lambda rows: 100 * float(scores[rows].mean()), signature)

    def _result(self, name: str, statistic: Callable[[np.ndarray], float], signature: str) -> Result:
        signature = f"{signature}|{self.decoding}"
        return self.bootstrap.result(self.model, name, statistic, len(self.predictions), signature)
