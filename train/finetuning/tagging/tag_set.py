"""The tags that a model learns to give, out of those of the training examples."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.config.tasks.tag import TagConfig
from pipeline.errors import UserError
from pipeline.formats.row_faults import faults_together, read_all
from train.finetuning.data import EXAMPLES
from train.finetuning.tagging.schemes import OUTSIDE, Entity, Scheme, find_scheme
from train.finetuning.tagging.sentences import TaggedSentence


@dataclass(frozen=True)
class TagSet:
    """Tags by number, and what they mean."""

    scheme: Scheme
    labels: list[str]

    def tags(self, sentence: TaggedSentence) -> list[str]:
        """The sentence's tags, with what breaks the scheme mended: an I- that follows no entity begins one."""
        if not self.scheme.marks_entities:
            return list(sentence.targets)
        return self.scheme.write(self.scheme.entities(sentence.targets), len(sentence.targets))

    def ids_of_all(self, sentences: Iterable[TaggedSentence]) -> list[np.ndarray]:
        """Raises: UserError: as `ids`, with all such sentences."""
        located = ((sentence.where, sentence) for sentence in sentences)
        return list(read_all(EXAMPLES, located, lambda _, sentence: self.ids(sentence)))

    def ids(self, sentence: TaggedSentence) -> np.ndarray:
        """The numbers of its tags, int64 [words].

        Raises:
            UserError: for a tag that the training examples lack.
        """
        numbers = {label: number for number, label in enumerate(self.labels)}
        tags = self.tags(sentence)
        for place, tag in enumerate(tags):
            if tag not in numbers:
                raise UserError(
                    f"{sentence.where}: the tag {tag!r} of {sentence.words[place]!r} is not among those of the "
                    f"training examples ({', '.join(self.labels)}); correct it, or add training examples of it"
                )
        return np.array([numbers[tag] for tag in tags], dtype=np.int64)


def find_tags(sentences: Sequence[TaggedSentence], settings: TagConfig) -> TagSet:
    """The tags of training examples: of entities all that the scheme has for each type.

    Raises:
        UserError: where all words have the same tag, or the tags are of no one scheme.
    """
    occurring = {tag for sentence in sentences for tag in sentence.targets}
    if len(occurring) < 2:
        raise UserError(
            f"all words of the training examples have the tag {next(iter(occurring))!r}; a model needs two tags or more"
        )
    scheme = find_scheme(occurring, settings.scheme)
    if not scheme.marks_entities:
        return TagSet(scheme, sorted(occurring))
    types = sorted({type for tag in occurring if (type := scheme.split(tag)[1])})
    labels = [OUTSIDE]
    for type in types:
        written = scheme.write([Entity(type, 0, 1), Entity(type, 1, 4)], 4)
        labels += sorted(set(written))
    return TagSet(scheme, labels)


def count_flaws(sentences: Iterable[TaggedSentence], scheme: Scheme, strict: bool) -> int:
    """Sentences whose tags break the scheme.

    Raises:
        UserError: naming all, where they are not to be mended.
    """
    flawed = [sentence for sentence in sentences if scheme.flaws(sentence.targets)]
    if strict:
        with faults_together(EXAMPLES) as faults:
            for sentence in flawed:
                told = (
                    f"{sentence.where}: the tags break the scheme {scheme.name} ({' '.join(sentence.targets):.120}); "
                    "correct them, or set finetune.strict=false to have them read as conlleval does"
                )
                faults.add(sentence.where, UserError(told))
    return len(flawed)


def most_frequent_tags(sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> "dict[str, str]":
    """Each word's most frequent tag, and under the empty word that of all words: a baseline for any tagger.

    Args:
        sentences: words with their tags.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in sentences:
        for word, tag in zip(words, tags, strict=True):
            counts[word][tag] += 1
            counts[""][tag] += 1
    # Of tags as frequent as each other the first in order: the result is not to depend on the order of the data.
    return {word: min(tags, key=lambda tag: (-tags[tag], tag)) for word, tags in counts.items()}
