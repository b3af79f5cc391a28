"""Tasks that learn from pairs of answers, of which one is preferred."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.formats.direction import Better
from pipeline.formats.rows import RowSource
from train.finetuning.facts import TestRow
from train.finetuning.preferences.rows import Pair, read_pairs_of_answers
from train.finetuning.preferences.task import PreferenceTask

if TYPE_CHECKING:
    from train.finetuning.chat import PromptFormat
    from train.finetuning.preferences.examples import AnswerExamples


class PairTask(PreferenceTask):
    """Such tasks differ in their loss alone."""

    loss_figures: ClassVar[Mapping[str, Better]] = {
        "accuracy": "higher",
        "margin": "higher",
    }
    evaluation: ClassVar[str] = "eval.tasks.pairs"

    def read_examples(self, path: RowSource, settings: Any, unread: Counter[str] | None = None) -> list[Any]:
        return list(read_pairs_of_answers(path, settings.data, Counter() if unread is None else unread))

    def encode(self, examples: Sequence[Pair], form: "PromptFormat", max_length: int) -> "AnswerExamples":
        from train.finetuning.preferences.examples import encode_answers

        answers = [(pair.chosen, pair.rejected) for pair in examples]
        return encode_answers([pair.prompt for pair in examples], answers, form, max_length)

    def to_row(self, example: Pair) -> TestRow:
        return {"turns": list(example.turns), "chosen": example.chosen, "rejected": example.rejected}

    def from_row(self, row: TestRow) -> Pair:
        return Pair(row["source"], (row["chosen"],), tuple(row["turns"]), row["rejected"])
