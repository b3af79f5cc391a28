"""Training of a model that finds answers."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pipeline.config.tasks.extract import ExtractConfig
from train.finetuning.base_model import BaseModel
from train.finetuning.data import Splits
from train.finetuning.extraction.examples import SpanExamples, Windows, as_examples, cut_windows
from train.finetuning.extraction.rows import Question
from train.finetuning.extraction.span_finder import HEAD, SpanFinder
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.head_training import HeadTraining
from train.finetuning.limits import longest
from train.models import Body


class SpanTraining(HeadTraining[SpanExamples]):
    """A window without the answer learns that it has none, also where the question has one elsewhere."""

    advice: ClassVar[dict[str, str]] = {
        "cut_contexts": "{}: the text is longer than the context and is read in windows that overlap",
        "cut_questions": "{}: the question takes half of the context, and lost its end",
        "moved_answers": "{}: the answer does not stand where the data says; the nearest place is taken",
    }
    shortened: ClassVar[frozenset[str]] = frozenset({"cut_questions"})

    def __init__(self, settings: ExtractConfig, base: BaseModel, splits: Splits):
        super().__init__(base, splits)
        self.settings, self.length = settings, longest(settings, base.config, base.name)
        self.reads_both_sides = base.config.reading == "bidirectional"
        self.questions = _questions(splits.train)
        self.windows, self.train = self._encode(self.questions)
        _, self.validation = self._encode(_questions(splits.validation))

    def _encode(self, questions: list[Question]) -> tuple[Windows, SpanExamples]:
        tokenizer = self.base.tokenizer
        windows = cut_windows(
            questions, tokenizer, self.length, self.settings.stride, reads_both_sides=self.reads_both_sides
        )
        return windows, as_examples(windows.windows, questions, tokenizer, self.length)

    def model_on(self, body: Body) -> SpanFinder:
        return SpanFinder(body)

    def head_facts(self) -> dict[str, Any]:
        return {"head": HEAD}

    def description(self) -> TaskFacts:
        settings = self.settings
        return {
            "max_length": self.length,
            "stride": settings.stride,
            "max_answer": settings.max_answer,
            "no_answer_threshold": settings.no_answer_threshold,
            "reads_both_sides": self.reads_both_sides,
            "may_have_none": any(not question.targets for question in self.questions),
        }

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        return [
            {"text": question.context, "question": question.source, "answers": list(question.targets)}
            for question in _questions(examples)
        ]

    def counts(self) -> dict[str, int]:
        return {
            "windows": len(self.train),
            "without_answer": sum(not question.targets for question in self.questions),
            "cut_contexts": self.windows.cut_contexts,
            "cut_questions": self.windows.cut_questions,
            "moved_answers": sum(question.moved for question in self.questions),
        }


def _questions(examples: object) -> list[Question]:
    return cast(list[Question], examples)  # as the task's `read_examples` gives them
