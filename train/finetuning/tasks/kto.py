"""Kahneman-Tversky optimization (Ethayarajh et al., 2024)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pipeline.errors import UserError
from pipeline.formats.direction import Better
from pipeline.formats.rows import RowSource
from pipeline.text.counts import counted
from train.finetuning.data import Splits
from train.finetuning.facts import TestRow
from train.finetuning.preferences.rated_rows import Rated, read_rated_answers
from train.finetuning.preferences.task import PreferenceTask

if TYPE_CHECKING:
    from train.finetuning.chat import PromptFormat
    from train.finetuning.preferences.examples import AnswerExamples
    from train.finetuning.preferences.kto_loss import KTOLoss


class KTO(PreferenceTask):
    """Each example is read twice: with its answer, and with the answer to another prompt."""

    loss_figures: ClassVar[Mapping[str, Better]] = {"accuracy": "higher"}
    evaluation: ClassVar[str] = "eval.tasks.rated"

    def loss(self, settings: Mapping[str, Any]) -> "KTOLoss":
        from train.finetuning.preferences.kto_loss import KTOLoss

        return KTOLoss(**settings)

    def read_examples(self, path: RowSource, settings: Any, unread: Counter[str] | None = None) -> list[Any]:
        return list(read_rated_answers(path, settings.data, Counter() if unread is None else unread))

    def describe_examples(self, settings: Any, splits: Splits) -> str:
        kinds = Counter(cast(Rated, example).desirable for example in splits.train)
        if len(kinds) < 2:
            only = "good" if kinds[True] else "bad"
            raise UserError(
                f"all training answers are {only} ones; kto needs both, or nothing tells them apart"
            )
        return f"{counted(kinds[True], 'good answer')} and {counted(kinds[False], 'bad one')}"

    def encode(self, examples: Sequence[Rated], form: "PromptFormat", max_length: int) -> "AnswerExamples":
        import numpy as np

        from train.finetuning.preferences.examples import encode_answers

        answers = [(e.answer, examples[_other(examples, i)].answer) for i, e in enumerate(examples)]
        facts = {"desirable": np.array([example.desirable for example in examples])}
        return encode_answers([e.prompt for e in examples], answers, form, max_length, facts, compared=False)

    def to_row(self, example: Rated) -> TestRow:
        return {"turns": list(example.turns), "answer": example.answer, "desirable": example.desirable}

    def from_row(self, row: TestRow) -> Rated:
        return Rated(row["source"], (row["answer"],), tuple(row["turns"]), row["desirable"])


def _other(examples: Sequence[Rated], index: int) -> int:
    """The next example of another prompt; where all are of one, the next."""
    for offset in range(1, len(examples)):
        other = (index + offset) % len(examples)
        if examples[other].source != examples[index].source:
            return other
    return (index + 1) % len(examples)


TASK = KTO()
