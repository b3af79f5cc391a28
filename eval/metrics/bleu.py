"""Corpus BLEU (Papineni et al., 2002; Post, 2018); all references of an example count."""

from collections.abc import Sequence

from sacrebleu.metrics import BLEU

from eval.results import Figure, Result
from eval.scoring.generated_texts import GeneratedTexts
from eval.scoring.sacrebleu_scores import sacrebleu_result
from eval.scoring.tokenization import bleu_tokenizer
from pipeline.config.evaluation import EvaluateConfig
from pipeline.errors import UserError

_EXTRAS = {"ja-mecab": "japanese", "ko-mecab": "korean"}
"""Of this project, by which the tokenizers' packages are installed."""
_MODEL = (
    ", and let sacrebleu fetch its vocabulary once where there is a network, or copy ~/.sacrebleu/models here"
)

FIGURES = {"bleu": Figure("BLEU", "BLEU {:.1f} of 100")}
SCALE = (
    "BLEU goes from 0 to 100, where 100 is the reference itself: good translations reach 30 to 50, answers in a chat "
    "often only a few points, since many others would do as well."
)


def check(config: EvaluateConfig) -> None:
    """Raises: UserError: where sacrebleu cannot make the tokenizer that the configuration names."""
    bleu_of(config.bleu_tokenize)


def score(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    return [sacrebleu_result("bleu", bleu_of(config.bleu_tokenize, texts.references), texts)]


def bleu_of(tokenize: str, references: Sequence[Sequence[str]] = ()) -> BLEU:
    """sacrebleu's metric.

    Args:
        tokenize: the setting `evaluate.bleu_tokenize`.
        references: of whose script the tokenizer is taken where the setting leaves it open.

    Raises:
        UserError: where sacrebleu cannot make the tokenizer.
    """
    if tokenize == "auto" and references:
        tokenize = bleu_tokenizer(references)
    try:
        # force: a model trained on tokenized text writes " .", which is no mistake to warn of.
        return BLEU(tokenize="13a" if tokenize == "auto" else tokenize, force=True)
    except (ImportError, RuntimeError, OSError, SystemExit) as error:
        reason = " ".join(str(error).split())
        extra = _EXTRAS.get(tokenize, "spm")
        raise UserError(
            f"evaluate.bleu_tokenize={tokenize} is not to be had on this machine: pip install "
            f"'lm-workflow[{extra}]'{_MODEL if extra == 'spm' else ''} ({reason})"
        ) from None
