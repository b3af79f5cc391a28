"""Synonym replacement (Wei and Zou, 2019), by WordNet as nltk has it."""

from collections.abc import Sequence
from random import Random
from typing import Any

from pipeline.errors import UserError


def check() -> None:
    """Raises: UserError: where nltk or its WordNet is not there."""
    try:
        from nltk.corpus import wordnet

        wordnet.ensure_loaded()
    except (ImportError, LookupError):
        raise UserError(
            "finetune.augmentation=[synonyms] needs nltk and its WordNet: python -m nltk.downloader wordnet"
        ) from None


def change(words: Sequence[str], draw: Random, rate: float) -> list[str]:
    """Replace as many words as the rate says of their number, once at least where one has a synonym."""
    changed = list(words)
    wanted = max(1, round(rate * len(changed)))
    for place in draw.sample(range(len(changed)), len(changed)):
        if wanted and (synonyms := _synonyms(changed[place])):
            changed[place] = draw.choice(synonyms)
            wanted -= 1
    return changed


def _synonyms(word: str) -> list[str]:
    from nltk.corpus import wordnet

    if not word.isalpha():
        return []
    senses: list[Any] = wordnet.synsets(word.lower())
    names = {name for sense in senses for name in sense.lemma_names()}
    return sorted(name.replace("_", " ") for name in names if name.lower() != word.lower())
