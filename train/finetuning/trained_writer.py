"""A model that is fine-tuned to write, as it is exported."""

from pipeline.context import Context
from train.exporting.trained_model import TrainedModel
from train.exporting.trained_seq2seq import TrainedSeq2Seq
from train.finetuning.artifact import read_test_rows

LOOKED_AT, SHORT = 100, 80
"""Test examples in which a question for the model card is looked for, and characters that it has at most."""


class TrainedWriter(TrainedModel):
    """A language model, whose fine-tuning may have come without a corpus."""

    def texts(self, context: Context, most: int) -> list[str]:
        """Of the corpus; without one the test examples."""
        if "clean" in context.inputs:
            return super().texts(context, most)
        return [row["prompt"] + row["references"][0] for row in read_test_rows(self.artifact, most)]

    def example(self, context: Context) -> str:
        """The first short question or source among the test examples; in English where there is none."""
        for row in read_test_rows(self.artifact, LOOKED_AT):
            text = str(row["turns"][-1]["content"] if "turns" in row else row["source"])
            if len(text) <= SHORT and "\n" not in text:
                return text
        return "What is a language model?"


class TrainedSourceWriter(TrainedSeq2Seq, TrainedWriter):
    """An encoder–decoder, likewise."""
