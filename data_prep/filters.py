"""Filters: which documents are worth training on. One rule per option of `FilterConfig`, each with a reason.

The quality and repetition rules are those of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446,
appendix A.1), with thresholds that also let through what is no English prose. What the paper does not have,
or measures otherwise, is marked.
"""

from collections.abc import Callable
from dataclasses import dataclass

from data_prep.text_features import Features
from pipeline.config.clean import FilterConfig


@dataclass(frozen=True)
class Rule:
    """Drops a document for `reason` where `drops(features, FilterConfig.<option>)`."""

    reason: str
    option: str
    drops: Callable[[Features, float], bool]


RULES = (  # in this order: the cheap ones first
    Rule("invalid_utf8", "max_invalid_ratio", lambda f, limit: f.invalid_ratio > limit),  # not in Gopher
    Rule("too_short", "min_chars", lambda f, limit: f.characters < limit),  # not in Gopher
    Rule("too_long", "max_chars", lambda f, limit: f.characters > limit),  # not in Gopher
    Rule("symbols", "max_symbol_ratio", lambda f, limit: f.symbol_ratio > limit),  # Gopher: # and … only
    Rule("few_letters", "min_alpha_ratio", lambda f, limit: f.alpha_ratio < limit),  # Gopher: by words
    Rule("too_few_words", "min_words", lambda f, limit: f.words < limit),
    Rule("long_words", "max_mean_word_length", lambda f, limit: f.mean_word_length > limit),
    Rule("repeated_lines", "max_repeated_line_ratio", lambda f, limit: f.repeated_line_ratio > limit),
    # Gopher counts lines; an article with paragraphs of prose and a long list is still an article.
    Rule("bullets", "max_bullet_line_ratio", lambda f, limit: f.bullet_line_ratio > limit),
    Rule("ellipses", "max_ellipsis_line_ratio", lambda f, limit: f.ellipsis_line_ratio > limit),
)


def first_reason(features: Features, config: FilterConfig) -> str | None:
    """Why the document is dropped: the first rule that it breaks; None where it breaks none."""
    for rule in RULES:
        threshold = getattr(config, rule.option)
        if threshold is not None and rule.drops(features, threshold):
            return rule.reason
    return None
