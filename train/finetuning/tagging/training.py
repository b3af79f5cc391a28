"""Training of a tagger."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pipeline.config.tasks.tag import TagConfig
from train.finetuning.base_model import BaseModel
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.head_training import HeadTraining
from train.finetuning.limits import longest
from train.finetuning.tagging.examples import TagExamples, Windows, as_examples, cut_windows
from train.finetuning.tagging.sentences import TaggedSentence
from train.finetuning.tagging.tag_set import count_flaws, find_tags, most_frequent_tags
from train.finetuning.tagging.tagger import Tagger
from train.models import Body


class TagTraining(HeadTraining[TagExamples]):
    """Raises: UserError: where a tag of another split is not trained on, or there is only one."""

    advice: ClassVar[dict[str, str]] = {
        "broken_tags": "{}: the tags break their scheme and are read as conlleval does, so that an I- that follows no "
        "entity begins one",
        "cut_sentences": "{}: the sentence is longer than the context and is read in windows that overlap",
        "piecewise_sentences": "{}: encoded word by word, since in the text as a whole tokens would have parts of "
        "several words; for tagging give the tokenizer smaller ones",
        "widened_entities": "{}: entities that begin or end inside a word are widened to it",
    }

    def __init__(self, settings: TagConfig, base: BaseModel, splits: Splits):
        super().__init__(base, splits)
        self.length = longest(settings, base.config, base.name)
        # A decoder has seen all of a word only at its last token.
        self.at = "last" if base.config.reading == "left_to_right" else "first"
        self.sentences = _tagged(splits.train)
        self.tags = find_tags(self.sentences, settings)
        self.flaws = count_flaws(self.sentences, self.tags.scheme, settings.strict)
        self.windows, self.train = self._encode(self.sentences)
        _, self.validation = self._encode(_tagged(splits.validation))
        self.tags.ids_of_all(_tagged(splits.test))  # a wrong tag is told now, not in evaluate

    def _encode(self, sentences: list[TaggedSentence]) -> tuple[Windows, TagExamples]:
        labels = self.tags.ids_of_all(sentences)
        windows = cut_windows(sentences, self.base.tokenizer, self.length, self.at)
        return windows, as_examples(windows.windows, labels, self.base.tokenizer, self.length)

    def model_on(self, body: Body) -> Tagger:
        return Tagger(body, self.tags.labels)

    def head_facts(self) -> dict[str, Any]:
        return {"tags": self.tags.labels}

    def description(self) -> TaskFacts:
        scheme = self.tags.scheme
        return {
            "labels": self.tags.labels,
            "scheme": scheme.name,
            "bare": scheme.bare,
            "at": self.at,
            "max_length": self.length,
        }

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        """With the tags that a word has most often in training, which evaluation compares with."""
        usual = most_frequent_tags((sentence.words, self.tags.tags(sentence)) for sentence in self.sentences)
        return [
            {
                "text": sentence.source,
                "spans": sentence.spans,
                "tags": self.tags.tags(sentence),
                "most_frequent": [usual.get(word, usual[""]) for word in sentence.words],
            }
            for sentence in _tagged(examples)
        ]

    def counts(self) -> dict[str, int]:
        return {
            "labels": len(self.tags.labels),
            "windows": len(self.train),
            "words": sum(len(sentence.spans) for sentence in self.sentences),
            "broken_tags": self.flaws,
            "cut_sentences": self.windows.cut_sentences,
            "piecewise_sentences": self.windows.piecewise,
            "words_without_token": self.windows.without_token,
            "widened_entities": sum(sentence.widened > 0 for sentence in self.sentences),
        }


def _tagged(examples: object) -> list[TaggedSentence]:
    return cast(list[TaggedSentence], examples)  # as the task's `read_examples` gives them
