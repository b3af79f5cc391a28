"""A model that is fine-tuned to write, as it is exported."""

from pipeline.context import Context
from train.exporting.trained_model import TrainedModel
from train.exporting.trained_seq2seq import TrainedSeq2Seq
from train.finetuning.artifact import read_test_rows


class TrainedWriter(TrainedModel):
    """A language model, whose fine-tuning may have come without a corpus."""

    def texts(self, context: Context, most: int) -> list[str]:
        """Of the corpus; without one the test examples."""
        if "clean" in context.inputs:
            return super().texts(context, most)
        return [row["prompt"] + row["references"][0] for row in read_test_rows(self.artifact, most)]


class TrainedSourceWriter(TrainedSeq2Seq, TrainedWriter):
    """An encoder–decoder, likewise."""
