"""Perplexities of a causal model, and of counting beside them."""

from collections.abc import Iterator

from eval.language_model.measure import model_results, ngram_results
from eval.objectives import PretrainedModel
from eval.results import Result
from train.models import as_language_model


def evaluate(pretrained: PretrainedModel) -> Iterator[Result]:
    config, bootstrap, context = pretrained.config, pretrained.bootstrap, pretrained.context
    model = as_language_model(pretrained.model)
    for text in pretrained.texts:
        yield from model_results(
            "pretrain", model, text, config.perplexity, bootstrap, context, pretrained.kept
        )
    if config.ngram_baselines:
        split = pretrained.texts[0]
        yield from ngram_results(context.inputs["shards"], split, config.perplexity, bootstrap, context)
