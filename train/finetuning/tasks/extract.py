"""The part of a text that answers a question: a new output layer for where it begins and ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pipeline.config.models import ModelConfig
from pipeline.errors import UserError
from pipeline.formats.rows import RowSource
from pipeline.text.counts import counted
from train.finetuning.bases import check_body
from train.finetuning.data import Example, Splits
from train.finetuning.extraction.rows import Question, read_questions
from train.finetuning.facts import TaskFacts
from train.finetuning.head_task import HeadTask

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from train.finetuning.base_model import BaseModel
    from train.finetuning.extraction.span_finder import SpanFinder
    from train.finetuning.extraction.trained_span_finder import TrainedSpanFinder
    from train.finetuning.extraction.training import SpanTraining
    from train.models import Body


class Extract(HeadTask):
    """Answers stand in the text, word for word; questions may have none, as in SQuAD 2.0."""

    evaluation: ClassVar[str] = "eval.tasks.answers"

    def read_examples(
        self, path: RowSource, settings: Any, unread: Counter[str] | None = None
    ) -> list[Example]:
        return list(read_questions(path, settings.data, Counter() if unread is None else unread))

    def describe_examples(self, settings: Any, splits: Splits) -> str:
        train = cast(Sequence[Question], splits.train)
        without = sum(not question.targets for question in train)
        if without == len(train):
            raise UserError("no training question has an answer; there is nothing to learn")
        moved = sum(question.moved for question in train)
        told = [f"{counted(without, 'training question')} without an answer"] if without else []
        if moved:
            told.append(
                counted(moved, "answer does", "answers do")
                + " not stand where the data says: the nearest place is taken"
            )
        return "; ".join(told)

    def check_base(self, model: ModelConfig, name: str) -> None:
        check_body(model, "finetune.task=extract", name, ("left_to_right", "bidirectional"))

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "SpanTraining":
        from train.finetuning.extraction.training import SpanTraining

        self.check_base(base.config, base.name)
        return SpanTraining(settings, base, splits)

    def model_on(self, body: "Body", description: Mapping[str, Any]) -> "SpanFinder":
        from train.finetuning.extraction.span_finder import SpanFinder

        return SpanFinder(body)

    def load_model(self, artifact: "Path", device: "str | torch.device" = "cpu") -> "SpanFinder":
        from train.finetuning.extraction.span_finder import load_span_finder

        return load_span_finder(artifact, device)

    def trained_model(self, artifact: "Path", facts: TaskFacts) -> "TrainedSpanFinder":
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import find_an_answer
        from train.finetuning.extraction.trained_span_finder import TrainedSpanFinder
        from train.finetuning.text_ids import Frame

        tokenizer = load_tokenizer(artifact)
        between = "" if Frame.of(tokenizer).before else str(tokenizer.eos_token)
        card = Card(
            "A language model fine-tuned to find the part of a text that answers a question.",
            "lm-workflow",
            find_an_answer(between, facts["max_answer"]),
            pipeline_tag="question-answering",
            notes=("It may say that there is no answer.",) if facts["may_have_none"] else (),
        )
        return TrainedSpanFinder(artifact, self.load_model(artifact), tokenizer, card, facts)


TASK = Extract()
